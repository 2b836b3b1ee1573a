"""Commands of training, by what they are about; ``training/cli.py`` puts them together."""
