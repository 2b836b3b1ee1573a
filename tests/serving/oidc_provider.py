"""A small OpenID provider on loopback: real HTTP, real keys, and every lie a test asks for."""

from __future__ import annotations

import base64
import json
import secrets
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from authlib.oauth2.rfc7636 import create_s256_code_challenge
from joserfc import jwt
from joserfc.jwk import OctKey, RSAKey

CLIENT, SECRET = "tierwise", "s3cret-of-the-client"


class OidcProvider:
    """Issues codes and id tokens; ``lies`` are claims, or ``alg``, ``key``, ``metadata``."""

    def __init__(self) -> None:
        self.key = RSAKey.generate_key(2048, {"kid": "one", "use": "sig"})
        self.subject, self.roles = "u-1", ["sales"]
        self.lies: dict[str, Any] = {}
        self.codes: dict[str, dict[str, str]] = {}
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.issuer = f"http://127.0.0.1:{self.server.server_port}"
        self._thread = threading.Thread(target=self.server.serve_forever, daemon=True)
        self._thread.start()

    @property
    def discovery(self) -> str:
        return f"{self.issuer}/.well-known/openid-configuration"

    def authorize(self, address: str) -> str:
        """Do what the provider's sign-in page does; return where it sends the browser."""
        asked = {k: v[0] for k, v in parse_qs(urlsplit(address).query).items()}
        assert asked["client_id"] == CLIENT
        assert asked["response_type"] == "code"
        assert asked["code_challenge_method"] == "S256"
        assert "openid" in asked["scope"].split()
        code = secrets.token_urlsafe(16)
        self.codes[code] = asked
        answer = {"code": code, "state": asked["state"], "iss": self.issuer}
        return f"{asked['redirect_uri']}?{urlencode(answer)}"

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()
        self._thread.join(5)

    def _metadata(self) -> dict[str, Any]:
        return {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.issuer}/authorize",
            "token_endpoint": f"{self.issuer}/token",
            "jwks_uri": f"{self.issuer}/keys",
            "id_token_signing_alg_values_supported": ["RS256", "HS256", "none"],
        } | self.lies.get("metadata", {})

    def _token(self, form: dict[str, str], basic: str) -> tuple[int, dict[str, Any]]:
        asked = self.codes.pop(form.get("code", ""), None)
        right = base64.b64encode(f"{CLIENT}:{SECRET}".encode()).decode()
        if asked is None or basic != f"Basic {right}":
            return 401, {"error": "invalid_client"}
        if create_s256_code_challenge(form["code_verifier"]) != asked["code_challenge"]:
            return 400, {"error": "invalid_grant"}
        now = int(time.time())
        claims: dict[str, Any] = {
            "iss": self.issuer,
            "sub": self.subject,
            "aud": CLIENT,
            "iat": now,
            "exp": now + 300,
            "nonce": asked["nonce"],
            "name": "Li Wei",
            "roles": self.roles,
        }
        claims |= {k: v for k, v in self.lies.items() if k not in ("alg", "key", "metadata")}
        claims = {k: v for k, v in claims.items() if v is not None}
        return 200, {"access_token": "at", "token_type": "Bearer", "id_token": self._sign(claims)}

    def _sign(self, claims: dict[str, Any]) -> str:
        if self.lies.get("alg") == "none":
            parts = [{"alg": "none"}, claims]
            encoded = [base64.urlsafe_b64encode(json.dumps(p).encode()).decode() for p in parts]
            return ".".join(each.rstrip("=") for each in encoded) + "."
        if self.lies.get("alg") == "HS256":
            # The classic confusion: the public key taken for a shared secret.
            shared = OctKey.import_key(self.key.as_pem(private=False))
            return jwt.encode({"alg": "HS256", "kid": "one"}, claims, shared, algorithms=["HS256"])
        key = self.lies.get("key", self.key)
        return jwt.encode({"alg": "RS256", "kid": "one"}, claims, key)

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        provider = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                if self.path == "/keys":
                    keys = [provider.key.as_dict(private=False)]
                    self._say(200, {"keys": keys})
                else:
                    self._say(200, provider._metadata())

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"])).decode()
                form = {k: v[0] for k, v in parse_qs(body).items()}
                self._say(*provider._token(form, self.headers.get("authorization", "")))

            def _say(self, status: int, content: dict[str, Any]) -> None:
                body = json.dumps(content).encode()
                self.send_response(status)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *given: object) -> None:
                pass

        return Handler
