"""Settings come from where they should, and a mistake is named without its value."""

from __future__ import annotations

import re
from itertools import pairwise
from pathlib import Path
from typing import Any

import msgspec
import pytest

from fivapp_whatsapp.errors import SettingsError
from fivapp_whatsapp.settings import ENVIRONMENT, Secret, Settings, load_settings

EXAMPLE = Path(__file__).parents[1] / ".env.example"
CANARY = "CANARY-a-value-that-nobody-may-see"


def load(environment: dict[str, str] | None = None, *, env_file: Path | None = None, **overrides: Any) -> Settings:
    return load_settings(environment or {}, env_file=env_file, **overrides)


def example_lines() -> dict[str, str]:
    return dict(re.findall(r"^#([A-Z][A-Z_]+)=(.*)$", EXAMPLE.read_text(encoding="utf-8"), re.MULTILINE))


def test_the_example_names_every_setting_once_and_no_other() -> None:
    names = re.findall(r"^#?([A-Z][A-Z_]+)=", EXAMPLE.read_text(encoding="utf-8"), re.MULTILINE)
    assert sorted(names) == sorted(ENVIRONMENT)


def test_the_example_explains_every_setting() -> None:
    lines = EXAMPLE.read_text(encoding="utf-8").splitlines()
    for before, line in pairwise(lines):
        if re.match(r"#[A-Z][A-Z_]+=", line):
            assert re.match(r"# [A-Za-z]\S* ?.{10,}", before), line


def test_the_example_shows_the_defaults(tmp_path: Path) -> None:
    file = tmp_path / ".env"
    file.write_text("".join(f"{name}={value}\n" for name, value in example_lines().items()), encoding="utf-8")
    found, defaults = load(env_file=file), Settings()
    for field in Settings.__struct_fields__:
        assert getattr(found, field) == getattr(defaults, field), field


def test_the_example_as_it_is_changes_nothing() -> None:
    assert load(env_file=EXAMPLE) == Settings()


def test_every_variable_reaches_its_field() -> None:
    assert load({"CONNECTION_SERVICE_URL": "http://x:1"}).connection_service_url == "http://x:1"
    assert load({"FIVAPP_PORT": "9000"}).port == 9000
    assert load({"FIVAPP_SEND_WAIT": "2.5"}).send_wait == 2.5
    assert load({"FIVAPP_DEMO": "true"}).demo is True
    assert load({"FIVAPP_JWT_SECRET": "123"}).jwt_secret == "123"  # not a number
    assert set(ENVIRONMENT.values()) == set(Settings.__struct_fields__) - {"plugin_variables"}


def test_lists_are_separated_by_commas() -> None:
    assert load({"FIVAPP_WEBHOOK_KEYS": " a, b ,,"}).webhook_keys == ["a", "b"]
    assert load({"FIVAPP_ALLOWED_ORIGINS": "https://a.example"}).allowed_origins == ["https://a.example"]
    assert load({"FIVAPP_WEBHOOK_KEYS": ""}).webhook_keys == []
    assert load({"FIVAPP_HTTP_ALLOW": "a:1, [::1]:80"}).http_allow == ["a:1", "[::1]:80"]


def test_an_empty_value_means_the_default() -> None:
    assert load({"FIVAPP_PORT": "", "DATABASE_URL": ""}) == Settings()


def test_overrides_win_over_the_environment_which_wins_over_the_file(tmp_path: Path) -> None:
    file = tmp_path / ".env"
    file.write_text("FIVAPP_HOST=file\nFIVAPP_JWT_AUDIENCE=file\nFIVAPP_JWT_ISSUER=file\n", encoding="utf-8")
    found = load({"FIVAPP_HOST": "environment", "FIVAPP_JWT_AUDIENCE": "environment"}, env_file=file, host="override")
    assert (found.host, found.jwt_audience, found.jwt_issuer) == ("override", "environment", "file")


def test_a_secret_is_read_from_its_file(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text("from a file\n", encoding="utf-8")
    found = load({"FIVAPP_JWT_SECRET_FILE": str(file)})
    assert found.jwt_secret == "from a file"
    assert isinstance(found.jwt_secret, Secret)
    assert load({"FIVAPP_JWT_SECRET_FILE": str(file), "FIVAPP_JWT_SECRET": "plain"}).jwt_secret == "plain"


def test_a_secret_file_of_the_environment_wins_over_a_value_in_dotenv(tmp_path: Path) -> None:
    secret, file = tmp_path / "secret", tmp_path / ".env"
    secret.write_text("right", encoding="utf-8")
    file.write_text("FIVAPP_JWT_SECRET=stale\n", encoding="utf-8")
    assert load({"FIVAPP_JWT_SECRET_FILE": str(secret)}, env_file=file).jwt_secret == "right"


def test_all_mistakes_are_named_at_once_and_no_value(tmp_path: Path) -> None:
    (tmp_path / "binary").write_bytes(b"\xff\xfe" + CANARY.encode())
    wrong = {
        "FIVAPP_PORT": CANARY,
        "FIVAPP_DEMO": CANARY,
        "FIVAPP_SEND_WAIT": "nan",
        "FIVAPP_LOG_FORMAT": CANARY,
        "FIVAPP_BODY_LIMIT": "0",
        "FIVAPP_HSOT": CANARY,
        "FIVAPP_HOST_FILE": str(tmp_path / "missing"),
        "CONNECTION_SERVICE_API_KEY_FILE": str(tmp_path / "binary"),
    }
    with pytest.raises(SettingsError) as refused:
        load(wrong, nonsense=CANARY)
    for name in (*wrong, "nonsense"):
        assert sum(problem.startswith(f"{name}:") for problem in refused.value.problems) == 1, name
    assert len(refused.value.problems) == len(wrong) + 1
    assert CANARY not in repr(refused.value) + str(refused.value.problems)


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("FIVAPP_PORT", "many", "must be a whole number from 0 to 65535"),
        ("FIVAPP_RATE_USER", "0", "must be a whole number from 1 to 10000000"),
        ("FIVAPP_SEND_EXPIRY", "-1", "must be a number above 0, 86400 at most"),
        ("FIVAPP_DEMO", "perhaps", "must be true or false"),
        ("FIVAPP_LOG_FORMAT", "xml", "must be one of json, console"),
        ("FIVAPP_LOG_LEVEL", "loud", "must be one of debug, info, warning, error"),
        ("FIVAPP_PUBLIC_URL", "gateway.example", "must be an address that begins with http:// or https://"),
        ("FIVAPP_PUBLIC_URL", "https://gateway.example/?a=b", "without login, query or spaces"),
        ("FIVAPP_PUBLIC_URL", "https://", "must be an address"),
        ("CONNECTION_SERVICE_URL", "localhost:3001", "must be an address"),
        ("CONNECTION_SERVICE_URL", "http://[", "must be an address"),
        ("FIVAPP_HTTP_ALLOW", "localhost", "must be names with their ports"),
        ("FIVAPP_HTTP_ALLOW", "http://localhost:1", "must be names with their ports"),
        ("FIVAPP_PROT", "8000", "there is no such setting"),
        ("FIVAPP_JWT_SECRET_FILE", "/nowhere/jwt", "/nowhere/jwt cannot be read (No such file or directory)"),
    ],
)
def test_a_mistake_is_explained_in_plain_words(name: str, value: str, sentence: str) -> None:
    with pytest.raises(SettingsError) as refused:
        load({name: value})
    (problem,) = refused.value.problems
    assert problem.startswith(f"{name}: ")
    assert sentence in problem


def test_a_secret_in_the_place_of_its_files_name_is_not_shown() -> None:
    with pytest.raises(SettingsError) as refused:
        load({"FIVAPP_JWT_SECRET_FILE": CANARY})
    assert CANARY not in str(refused.value.problems)


def test_a_dotenv_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / ".env").write_bytes(b"FIVAPP_HOST=\xff\n")
    with pytest.raises(SettingsError, match=r"\.env: UnicodeDecodeError"):
        load(env_file=tmp_path / ".env")


def test_a_missing_dotenv_file_is_no_mistake(tmp_path: Path) -> None:
    assert load(env_file=tmp_path / ".env") == Settings()


def test_names_of_other_programs_are_left_alone() -> None:
    assert load({"PATH": "/bin", "FIVAPPLICATION": "x", "PORT": "x"}) == Settings()


def test_a_secret_shows_nothing_of_itself() -> None:
    found = load(
        {"FIVAPP_JWT_SECRET": CANARY, "FIVAPP_WEBHOOK_KEYS": CANARY, "DATABASE_URL": f"postgresql://u:{CANARY}@h/d"}
    )
    assert CANARY not in repr(found)
    assert repr(Secret(CANARY)) == "Secret('***')"
    assert repr(Secret("")) == "Secret('')"
    assert found.jwt_secret == CANARY


def test_settings_cannot_be_changed() -> None:
    with pytest.raises(AttributeError):
        Settings().port = 1  # type: ignore[misc]
    assert msgspec.structs.replace(Settings(), port=1).port == 1


def test_webhook_keys_default_to_the_connection_services() -> None:
    assert load({}).accepted_webhook_keys == ()
    assert load({"CONNECTION_SERVICE_API_KEY": "k"}).accepted_webhook_keys == ("k",)
    assert load({"CONNECTION_SERVICE_API_KEY": "k", "FIVAPP_WEBHOOK_KEYS": "a,b"}).accepted_webhook_keys == ("a", "b")


class OfPlugin(msgspec.Struct, frozen=True):
    url: str = "file:here"
    limit: int = 5
    api_key: Secret = Secret("")


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A distribution with the plugin `my-bot`."""
    info = tmp_path / "site" / "my_bot-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: my-bot\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[fivapp_whatsapp]\nmy-bot = my_bot\n")
    monkeypatch.syspath_prepend(info.parent)


@pytest.mark.usefixtures("installed")
def test_a_plugin_that_is_installed_has_settings_of_its_own(tmp_path: Path) -> None:
    key = tmp_path / "key"
    key.write_text(CANARY)
    found = load({"FIVAPP_MY_BOT_LIMIT": "9", "FIVAPP_MY_BOT_API_KEY_FILE": str(key)})
    mine = found.of_plugin("my-bot", OfPlugin)
    assert (mine.url, mine.limit, mine.api_key) == ("file:here", 9, CANARY)
    assert CANARY not in repr(found)


@pytest.mark.usefixtures("installed")
def test_what_a_plugin_cannot_use_is_named_without_its_value() -> None:
    found = load({"FIVAPP_MY_BOT_LIMIT": CANARY, "FIVAPP_MY_BOT_NOPE": CANARY})
    with pytest.raises(SettingsError) as caught:
        found.of_plugin("my-bot", OfPlugin)
    assert caught.value.problems == (
        "FIVAPP_MY_BOT_LIMIT: cannot be used as it is",
        "FIVAPP_MY_BOT_NOPE: there is no such setting",
    )


def test_settings_of_a_plugin_that_is_not_installed_are_a_mistake() -> None:
    with pytest.raises(SettingsError, match="FIVAPP_MY_BOT_LIMIT: there is no such setting"):
        load({"FIVAPP_MY_BOT_LIMIT": "9"})


def test_a_derived_key_is_of_one_purpose_and_the_same_each_time() -> None:
    settings = load({"FIVAPP_JWT_SECRET": "x" * 40})
    assert settings.key_for("links") == settings.key_for("links") != settings.key_for("push")
    with pytest.raises(SettingsError, match="FIVAPP_JWT_SECRET"):
        load({}).key_for("links")
