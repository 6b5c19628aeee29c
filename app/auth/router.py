"""Keys over HTTP, for admins."""

from uuid import UUID

from fastapi import APIRouter

from app.auth import signing, store, token
from app.auth.dependency import CallerDep
from app.auth.models import ApiKey
from app.auth.schemas import CreatedKey, KeyView, NewKey
from app.errors import Forbidden
from app.web.caller import Caller
from app.web.paging import Page, PageDep, page_of
from app.web.route import Route, SessionDep, needs, not_replayed

router = APIRouter(prefix="/v1/keys", tags=["keys"], route_class=Route)


@router.post("", status_code=201)
@needs("admin")
@not_replayed  # what is replayed is stored, and a secret must not be
async def create_key(body: NewKey, session: SessionDep, caller: CallerDep) -> CreatedKey:
    """Make a key. The answer is the only time it is shown: send it as `Authorization: Bearer …`."""
    _require_everything(caller)
    secret = token.new_secret()
    key = ApiKey(
        name=body.name,
        digest=token.digest(secret),
        scopes=sorted(set(body.scopes)),
        namespaces=None if body.namespaces is None else sorted(set(body.namespaces)),
        created_by=caller.name,
    )
    return CreatedKey.with_secret(await store.add(session, key, body.expires_in_days), secret)


@router.get("")
@needs("admin")
async def list_keys(session: SessionDep, caller: CallerDep, page: PageDep) -> Page[KeyView]:
    """All keys, oldest first, revoked ones too; never their secrets."""
    _require_everything(caller)
    rows = await store.page(session, page.after_id, page.limit + 1)
    return page_of(rows, page, lambda key: key.id, KeyView.of)


@router.post("/signing-secret/rotate", status_code=204)
@needs("admin")
async def rotate_signing_secret(session: SessionDep, caller: CallerDep) -> None:
    """Sign URLs with a new secret: none that was signed until now works any more."""
    _require_everything(caller)
    await signing.rotate(session)


@router.post("/{key_id}/revoke")
@needs("admin")
async def revoke_key(key_id: UUID, session: SessionDep, caller: CallerDep) -> KeyView:
    """From the next request on, this key is refused, and so is every URL that it signed."""
    _require_everything(caller)
    return KeyView.of(await store.revoke(session, key_id))


def _require_everything(caller: Caller) -> None:
    """Who may give away every namespace must hold every namespace."""
    if not caller.is_admin:
        raise Forbidden("auth.scope", "this takes an admin key that is for all namespaces")
