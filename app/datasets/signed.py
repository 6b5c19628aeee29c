"""URLs of single files that need no header: made for a caller, checked by what they say."""

from datetime import UTC, datetime
from urllib.parse import quote, urlencode

from sqlalchemy.ext.asyncio import AsyncSession

from app.auth import signing
from app.auth.signing import Seal
from app.datasets import store
from app.datasets.models import DatasetFile, DatasetVersion
from app.datasets.schemas import SignedUrl, SignedUrls, UrlsWanted
from app.datasets.withdraw import refuse_withdrawn
from app.errors import Invalid
from app.names import Ref
from app.web.caller import Caller


async def urls(
    session: AsyncSession,
    caller: Caller,
    base: str,
    ref: Ref,
    version: DatasetVersion,
    wanted: UrlsWanted,
) -> SignedUrls:
    """A URL under `base` for each file that is wanted. Raises `Invalid` for a path that is none."""
    entries = {entry.path: entry for entry in await store.files(session, version.id)}
    for number, path in enumerate(wanted.paths or ()):
        if path not in entries:
            raise Invalid.at(f"/paths/{number}", f"should be the path of a file of {ref}", path)
    signer = await signing.signer(session, caller, wanted.expires_in)
    files = []
    for path in dict.fromkeys(wanted.paths or entries):
        seal = signer.sign(*_signed(ref, version, path))
        said = {"key": seal.signer, "expires": seal.expires, "signature": seal.signature}
        place = quote(f"/v1/signed/{ref.namespace}/{ref.name}/{ref.version}/{path}")
        url = f"{base.rstrip('/')}{place}?{urlencode(said)}"
        entry = entries[path]
        files.append(SignedUrl(path=path, sha256=entry.sha256, size=entry.size, url=url))
    expires_at = datetime.fromtimestamp(signer.expires, UTC)
    return SignedUrls(version=str(ref), expires_at=expires_at, files=files)


async def opened(
    session: AsyncSession, ref: Ref, path: str, seal: Seal
) -> tuple[DatasetFile, Caller]:
    """The file that a URL is for, and who signed it. Raises `Forbidden` for what nobody signed,
    whether it is there or not, and `Gone` for a version that was withdrawn since.
    """
    found = await store.find(session, ref)
    version = found and await store.version(session, found[0].id, ref.version)
    entry = None if version is None else await store.file(session, version.id, path)
    if version is None or entry is None:
        raise signing.forged()
    caller = await signing.check(session, seal, *_signed(ref, version, path))
    await refuse_withdrawn(session, ref, version)
    return entry, caller


def _signed(ref: Ref, version: DatasetVersion, path: str) -> tuple[str, ...]:
    return ("dataset", str(ref), version.commit, path)
