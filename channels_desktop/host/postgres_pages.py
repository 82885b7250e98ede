"""Rows for many looks for news in one transaction: one statement loads the pages of all of them."""

from __future__ import annotations

from collections.abc import Sequence

from channels_desktop.host import postgres_queries as sql
from channels_desktop.host.postgres_rows import PgRows, is_ended, message_of
from channels_desktop.host.postgres_session import Session
from channels_desktop.host.rows import Looking, Placed


class PgPages(PgRows):
    """Rows that know what looks look up; everything else is asked of the database."""

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self._owners: dict[bytes, int | None] = {}
        self._pages: dict[tuple[int, int, int, int], list[Placed]] = {}

    @classmethod
    async def load(cls, session: Session, looks: Sequence[Looking]) -> PgPages:
        """Learn what looks look up; those with other bounds than the first have to ask for themselves."""
        rows = cls(session)
        if not looks:
            return rows
        *_, most, space = looks[0]
        alike = [look for look in looks if (look.most, look.space) == (most, space)]
        tokens, positions = [look.token for look in alike], [look.after for look in alike]
        pages: list[list[Placed]] = [[] for _ in alike]
        for row in await session.fetch(sql.PAGES, tokens, positions, most, space):
            number = row["number"] - 1
            rows._owners[alike[number].token] = row["owner"]
            if row["position"] is not None and row["owner"] == alike[number].account:
                pages[number].append((row["position"], message_of(row, row["channel_id"])))
        for look, page in zip(alike, pages, strict=True):  # several sockets may look for the same
            rows._pages[look.account, look.after, most, space] = page
        return rows

    async def account_of(self, token: bytes) -> int | None:
        """See Rows."""
        return self._owners[token] if token in self._owners else await super().account_of(token)

    async def account_messages(self, account: int, after: int, *, most: int, space: int) -> tuple[list[Placed], bool]:
        """See Rows."""
        page = self._pages.get((account, after, most, space)) if after else None
        if page is None:
            return await super().account_messages(account, after, most=most, space=space)
        return page, is_ended((message for _, message in page), most, space)
