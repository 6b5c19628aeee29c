import pytest

from app.curation.filters import Secrets
from app.curation.verdict import Verdict
from tests.curation.filters.replies import judge

# Put together here, so that nobody's scanner takes this file for a leak.
BODY = "R4nd0mT7kQ2mZ8vL5pX1cW9yB3nH6jFgDsAu"
SECRETS = {
    "anthropic_key": "sk-" + "ant-api03-" + BODY * 3,
    "aws_access_key": "AKIA" + "QW3ERT5YUI7OPLKJ",
    "azure_storage_key": "AccountKey" + "=" + (BODY * 3)[:86] + "==",
    "digitalocean_token": "dop_" + "v1_" + "0a9b8c7d6e5f4132" * 4,
    "github_token": "ghp_" + BODY,
    "gitlab_token": "glpat-" + BODY[:20],
    "google_api_key": "AIza" + BODY[:35],
    "huggingface_token": "hf_" + "QwErTyUiOpAsDfGhJkLzXcVbNmQwErTyUi",
    "json_web_token": "eyJ" + BODY[:20] + ".eyJ" + BODY[:30] + "." + BODY + BODY[:8],
    "npm_token": "npm_" + BODY,
    "openai_key": "sk-" + "proj-" + BODY[:24] + "T3Blbk" + "FJ" + BODY[:24],
    "private_key": "-----BEGIN RSA " + "PRIVATE KEY-----\n" + BODY * 2,
    "pypi_token": "pypi-" + "AgE" + BODY * 2,
    "sendgrid_key": "SG." + BODY[:22] + "." + (BODY * 2)[:43],
    "slack_token": "xoxb-" + "2940183756-" + BODY[:24],
    "stripe_key": "sk_" + "live_" + BODY[:24],
}


@pytest.mark.parametrize("kind", SECRETS)
def test_a_secret_is_named_by_its_kind_and_never_repeated(kind: str) -> None:
    verdict = judge(Secrets(), f"Use this: {SECRETS[kind]}\nand keep it safe.")

    assert isinstance(verdict, Verdict)
    assert (verdict.reason, verdict.value) == ("filter.secrets", kind)
    assert SECRETS[kind] not in repr(verdict)


@pytest.mark.parametrize(
    "text",
    [
        "Set AWS_ACCESS_KEY_ID to AKIA" + "IOSFODNN7EXAMPLE.",
        "A token looks like ghp_" + "x" * 36,
        "Put your key here: sk_" + "live_your_key_goes_here_1234",
        "A private key begins with -----BEGIN PRIVATE KEY----- and ends likewise.",
        "The password is hunter2, the API key is secret.",
        "sha256: 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    ],
)
def test_what_is_made_up_or_no_format_of_anybodys_passes(text: str) -> None:
    assert judge(Secrets(), text) is None


def test_a_job_may_look_for_some_kinds_only() -> None:
    only = Secrets(kinds=("aws_access_key",))

    assert judge(only, SECRETS["github_token"]) is None
    assert judge(only, ["list", {"key": SECRETS["aws_access_key"]}]) is not None
