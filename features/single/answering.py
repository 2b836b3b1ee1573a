"""Questions one after the other, each in the setting of its shape."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable

from ibis.backends import BaseBackend

from features.single.question import Question, Told
from features.single.setting import Setting, shape

KEPT = 8
"""Settings that stay: a caller's questions have one shape, or a few."""


class Answering:
    """Answers questions; not for several threads at a time.

    Parameters
    ----------
    connection
        Holds the relations of the settings that were used last, until :meth:`close`.
    kept
        How many settings stay, 1 or more.
    """

    def __init__(self, connection: BaseBackend, *, kept: int = KEPT) -> None:
        self._link, self._most = connection, kept
        self._settings: OrderedDict[Hashable, Setting] = OrderedDict()

    def answer(self, question: Question) -> Told:
        """Return the indicators of a question's customer, and the rows that were refused."""
        asked = shape(question)
        setting = self._settings.pop(asked, None) or Setting(question, self._link)
        try:
            told = setting.answer(question)
        except BaseException:  # half of it may hold this question's rows
            setting.close()
            raise
        self._settings[asked] = setting
        while len(self._settings) > self._most:
            self._settings.popitem(last=False)[1].close()
        return told

    def close(self) -> None:
        """Drop all relations."""
        while self._settings:
            self._settings.popitem()[1].close()
