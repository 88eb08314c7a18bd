from __future__ import annotations

import traceback
from typing import TYPE_CHECKING

import pytest

from bluev_actors.engine.mask import COVER
from bluev_actors.engine.secrets import RunSecrets, Secrets
from bluev_actors.errors import ConfigError, ParamError
from bluev_actors.workflows.kinds import NodeKind, Param
from bluev_actors.workflows.params import NodeParams

if TYPE_CHECKING:
    from pathlib import Path

    from bluev_actors.workflows.values import JsonObject


@pytest.fixture
def secrets() -> RunSecrets:
    """One run's secrets: TOKEN is open-sesame."""
    return RunSecrets(Secrets({"TOKEN": "open-sesame", "OTHER": "abracadabra"}))


def test_file_and_environment(tmp_path: Path) -> None:
    """Both are read, and the environment goes first."""
    file = tmp_path / "secrets.toml"
    file.write_text('A = "from file"\nB = "beaten"\n"odd name" = "x"\n')
    environ = {"BLUEV_ACTORS_SECRET_B": "from environment", "BLUEV_ACTORS_SECRET_": "nameless", "PATH": "/bin"}
    secrets = Secrets.read(file, environ)
    assert set(secrets.names) == {"A", "B", "odd name"}
    assert (secrets.value("A"), secrets.value("B")) == ("from file", "from environment")


def test_no_file() -> None:
    """Without a file and variables there are none."""
    assert not Secrets.read(None, {}).names
    assert not Secrets().names


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"A = 1234567", "the secret A in .* has to be a text in quotes"),
        (b'[A]\nb = "1234567"', "the secret A in .* has to be a text"),
        (b'A = ""', "the secret A in .* is empty"),
        (b'A = " \\n"', "is empty"),
        (b"A = 1234567 8", "is no TOML"),
        (b"1234567", "is no TOML"),
        (b'A = "\xff1234567"', "is no TOML"),
    ],
    ids=range(7),
)
def test_bad_file(tmp_path: Path, content: bytes, says: str) -> None:
    """What is wrong is said by name, and no trace of the error holds a secret."""
    file = tmp_path / "secrets.toml"
    file.write_bytes(content)
    with pytest.raises(ConfigError, match=says) as caught:
        Secrets.read(file, {})
    assert "1234567" not in "".join(traceback.format_exception(caught.value))


def test_missing_file(tmp_path: Path) -> None:
    """A file that is not there is named."""
    with pytest.raises(ConfigError, match=r"none\.toml cannot be read: No such file"):
        Secrets.read(tmp_path / "none.toml", {})


@pytest.mark.parametrize("value", ["", "\udcff12345"])
def test_bad_variable(value: str) -> None:
    """A variable that is empty or no text is named, not read."""
    with pytest.raises(ConfigError, match="BLUEV_ACTORS_SECRET_A") as caught:
        Secrets.read(None, {"BLUEV_ACTORS_SECRET_A": value})
    assert "12345" not in str(caught.value)


def test_repr(secrets: RunSecrets) -> None:
    """Neither the secrets nor a run's view of them tell any when printed."""
    secrets.reveal("TOKEN")
    assert "sesame" not in repr(Secrets({"TOKEN": "open-sesame"})) + repr(secrets)


def test_unknown_secret(secrets: RunSecrets) -> None:
    """A name that leads nowhere fails with a code of its own and does not list the others."""
    with pytest.raises(ParamError, match='no secret "NONE" is known') as caught:
        secrets.reveal("NONE")
    assert caught.value.code == "unknown_secret"
    assert "TOKEN" not in str(caught.value)


def test_only_what_was_handed_out_is_masked(secrets: RunSecrets) -> None:
    """A run without secrets may say what it likes, even what happens to be another run's secret."""
    assert secrets.mask.text("open-sesame") == "open-sesame"
    assert secrets.reveal("TOKEN") == "open-sesame"
    assert secrets.mask.text("open-sesame, abracadabra") == f"{COVER}, abracadabra"


def test_runs_do_not_share_masks(secrets: RunSecrets) -> None:
    """What one run was given is no concern of the next."""
    secrets.reveal("TOKEN")
    assert RunSecrets(Secrets({"TOKEN": "open-sesame"})).mask.text("open-sesame") == "open-sesame"


def test_recall(secrets: RunSecrets) -> None:
    """After a restart everything is masked that the document names, however deep; what is unknown is passed over."""
    document = {
        "nodes": [{"id": "a", "params": {"headers": {"auth": {"$secret": "TOKEN"}}, "x": {"$secret": "GONE"}}}],
        "workflows": {"body": {"nodes": [{"params": {"list": [1, {"$secret": "OTHER"}]}}]}},
    }
    secrets.recall(document)
    assert secrets.mask.text("open-sesame abracadabra") == f"{COVER} {COVER}"


def evaluate(params: JsonObject, scope: JsonObject, secrets: RunSecrets) -> JsonObject:
    """Evaluate a node's params as an executor does."""
    kind = NodeKind("call", params=(Param("url"), Param("headers", required=False)))
    return NodeParams.compile(params, kind).evaluate(scope, secrets.reveal)


def test_reveal_in_params(secrets: RunSecrets) -> None:
    """A reference in the document becomes the value, nested ones too."""
    params = evaluate({"url": "x", "headers": {"auth": [{"$secret": "TOKEN"}]}}, {}, secrets)
    assert params == {"url": "x", "headers": {"auth": ["open-sesame"]}}


def test_data_is_no_reference(secrets: RunSecrets) -> None:
    """What an upstream node made up to look like a reference stays data: nobody can ask for a secret that way."""
    scope = {"nodes": {"evil": {"out": {"$secret": "TOKEN"}}}}
    params = evaluate({"url": "${nodes.evil.out}"}, scope, secrets)
    assert params == {"url": {"$secret": "TOKEN"}}
    assert secrets.mask.text("open-sesame") == "open-sesame"
