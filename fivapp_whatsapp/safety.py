"""What stands against serving with these settings: secrets that are missing, short, known or shared."""

from __future__ import annotations

from urllib.parse import urlsplit

from .settings import Settings

MIN_SECRET_BYTES = 32
MIN_KEY_CHARACTERS = 12
_MAKE_ONE = "Make one: openssl rand -hex 32"

# What examples, tutorials and generators ship; compared without case, and without what is no letter or digit.
_KNOWN_WORDS = (
    "secret mysecret mysecretkey yoursecret yoursecretkey supersecret supersecretkey supersecretjwtkey changeme "
    "changethis changethisinproduction changemeinproduction jwtsecret jwtsecretkey yourjwtsecret yourjwtsecretkey "
    "yoursupersecretjwtkey yoursupersecretkey secretkey password admin test testing development example default "
    "yourapikey apikey myapikey yourconnectionserviceapikey connectionserviceapikey yourwebhookkey webhookkey "
    "keyboardcat thisisasecret replaceme todo none null undefined 123456 12345678 1234567890 "
    "yoursupersecretjwttokenwithatleast32characterslong superstrongsecretkeythatnobodyknows "
    "abcdefghijklmnopqrstuvwxyz012345 0123456789abcdef0123456789abcdef a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0"
)
_KNOWN = frozenset(_KNOWN_WORDS.split())
_PLACEHOLDERS = ("your-", "your_", "changeme", "change-me", "change_me", "replace-me", "replace_me", "placeholder", "<")


def problems(settings: Settings) -> list[str]:
    """Return one sentence for each reason not to serve; none of them shows a secret."""
    return [*_token_problems(settings), *_key_problems(settings), *_other_problems(settings)]


def _token_problems(settings: Settings) -> list[str]:
    name, secret = "FIVAPP_JWT_SECRET", settings.jwt_secret
    if not secret:
        if settings.jwt_public_key or settings.jwt_jwks_url:
            return []
        return [f"{name} is missing, and neither FIVAPP_JWT_PUBLIC_KEY nor FIVAPP_JWT_JWKS_URL is set. {_MAKE_ONE}"]
    if _is_known(secret):
        return [f"{name} is a well-known or placeholder value. {_MAKE_ONE}"]
    if len(secret.encode()) < MIN_SECRET_BYTES:
        return [f"{name} is too short: it needs {MIN_SECRET_BYTES} bytes. {_MAKE_ONE}"]
    if _repeats(secret):
        return [f"{name} repeats a few characters. {_MAKE_ONE}"]
    if secret == settings.connection_service_api_key or secret in settings.webhook_keys:
        return [f"{name} must not be a key that the connection service knows. {_MAKE_ONE}"]
    return []


def _key_problems(settings: Settings) -> list[str]:
    found = _key_problem("CONNECTION_SERVICE_API_KEY", settings.connection_service_api_key)
    for key in settings.webhook_keys:
        found += _key_problem("FIVAPP_WEBHOOK_KEYS", key)
    return found


def _key_problem(name: str, key: str) -> list[str]:
    if not key:
        return [f"{name} is missing: it is the key that the connection service was given."]
    if _is_known(key):
        return [f"{name} is a well-known or placeholder value. {_MAKE_ONE}"]
    if _repeats(key) or len(key) < MIN_KEY_CHARACTERS:
        return [f"{name} is too weak: it needs {MIN_KEY_CHARACTERS} characters or more, mixed. {_MAKE_ONE}"]
    return []


def _other_problems(settings: Settings) -> list[str]:
    found = []
    if any("*" in origin for origin in settings.allowed_origins):
        found.append("FIVAPP_ALLOWED_ORIGINS must name each origin; * would let every page in.")
    if _has_known_password(settings.database_url):
        found.append("DATABASE_URL has a well-known password. Give the database's user one of its own.")
    if settings.demo:
        found.append("FIVAPP_DEMO is for `fivapp-whatsapp demo`. Take it away.")
    return found


def _is_known(secret: str) -> bool:
    plain = "".join(character for character in secret.lower() if character.isalnum())
    return plain in _KNOWN or any(placeholder in secret.lower() for placeholder in _PLACEHOLDERS)


def _repeats(secret: str) -> bool:
    return len(set(secret)) < 6


def _has_known_password(url: str) -> bool:
    try:
        password = urlsplit(url).password
    except ValueError:
        return False
    return password is not None and password.lower() in {
        "",
        "postgres",
        "password",
        "admin",
        "root",
        "secret",
        "changeme",
    }
