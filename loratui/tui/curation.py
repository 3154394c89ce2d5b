"""What can be done to pictures, by one key each, wherever pictures are shown: role, repeats, rating, words, removal.

The screen shows at once what a key did; the change itself waits its turn in the bridge. So a burst of keys is as
fast as they are pressed, and none is lost.
"""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from loratui.tui.base import LoratuiScreen
from loratui.tui.naming import name_pictures
from loratui.tui.reasons import ReasonForm
from loratui.tui.text import count, plain
from loratui.tui.undoing import watch_journal

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from loratui.catalog.store import Catalog
    from loratui.tui.caption_editor import CaptionDraft
    from loratui.tui.tag_editor import TagDraft, TagEdits
    from loratui.tui.undoing import Done


class CurationScreen(LoratuiScreen):
    """A screen whose actions are about pictures of one subject."""

    def __init__(self, subject: str) -> None:
        super().__init__()
        self.subject = subject
        self._judged: dict[int, int] = {}
        """By the id of the journal's entry, the one picture that an action here was about."""

    # What a screen of this kind says about itself

    @abstractmethod
    def targets(self) -> Sequence[int]:
        """Ids of the memberships that the next action is about."""

    def shown_by(self) -> tuple[str | None, int]:
        """The query that pictures are seen through, None without one, and how many are shown."""
        return None, 0

    def foresee(self, ids: Sequence[int], changes: Mapping[str, Any]) -> None:
        """Show now what these pictures will be like; `repeats_by` is a step up or down."""

    def forget(self, ids: Sequence[int]) -> None:
        """Show these pictures no more: they leave the subject."""

    def advance(self, id: int) -> None:
        """Go to the next picture, if the action was about this one because the cursor is on it."""

    def return_to(self, id: int) -> None:
        """Go to a picture, where it is among those shown."""

    def undone(self, entry: int) -> None:
        if (id_ := self._judged.get(entry)) is not None:
            self.return_to(id_)

    def name_of(self, id: int) -> str:
        """The name of a picture, for messages; empty when it is not known."""
        return ""

    # Actions

    def do_picture_primary(self) -> None:
        self._set_role("primary")

    def do_picture_supporting(self) -> None:
        self._set_role("supporting")

    def do_picture_inbox(self) -> None:
        self._set_role("inbox", "in the inbox")

    def do_picture_holdout(self) -> None:
        self._set_role("holdout", "held out")

    def do_picture_reject(self) -> None:
        self._set_role("rejected")

    def do_picture_reject_because(self) -> None:
        ids = tuple(self.targets())

        def chosen(reason: str | None) -> None:
            if reason:
                self._set_role("rejected", reason=reason, ids=ids)

        self.app.push_screen(ReasonForm(f"Reject {self._say_which(ids)} because"), chosen)

    def do_picture_rate(self, key: str) -> None:
        stars = int(key)

        def work(catalog: Catalog, ids: Sequence[int]) -> int:
            from loratui.catalog.roles import set_rating

            return set_rating(catalog, self.subject, stars, ids)

        said = f"rated {stars}" if stars else "rated no more"
        self.act(work, ["picture", "rate", self.subject, key], said, {"rating": stars}, advances=True)

    def do_picture_more_repeats(self) -> None:
        self._shift_repeats(1)

    def do_picture_fewer_repeats(self) -> None:
        self._shift_repeats(-1)

    def do_picture_default_repeats(self) -> None:
        def work(catalog: Catalog, ids: Sequence[int]) -> int:
            from loratui.catalog.roles import set_repeats

            return set_repeats(catalog, self.subject, None, ids)

        said = "back to the role's own repeats"
        self.act(work, ["repeats", "set", self.subject, "default"], said, {"own_repeats": None})

    def do_picture_remove(self) -> None:
        ids = tuple(self.targets())

        def work(catalog: Catalog, ids: Sequence[int]) -> int:
            from loratui.catalog.roles import remove_pictures

            return remove_pictures(catalog, self.subject, ids)

        self.act(work, ["picture", "remove", self.subject], f"removed from {self.subject}", {}, ids=ids)
        self.forget(ids)

    def do_picture_caption(self) -> None:
        ids = tuple(self.targets())

        def read(catalog: Catalog) -> CaptionDraft:
            from loratui.tui.caption_editor import draft_caption

            return draft_caption(catalog, self.subject, ids)

        def show(draft: CaptionDraft) -> None:
            from loratui.tui.caption_editor import CaptionEditor

            self.app.push_screen(CaptionEditor(draft), lambda text: written(text, draft))

        def written(text: str | None, draft: CaptionDraft) -> None:
            if text is not None and (text != draft.written or draft.differ):
                # What could not be written is not lost: the editor opens again with it.
                self._set_caption(ids, text, failed=lambda: show(replace(draft, typed=text)))

        if ids:
            self.read(read, show, "draft", opens=True)

    def do_picture_tag(self) -> None:
        ids = tuple(self.targets())

        def read(catalog: Catalog) -> TagDraft:
            from loratui.tui.tag_editor import draft_tags

            return draft_tags(catalog, self.subject, ids)

        def show(draft: TagDraft) -> None:
            from loratui.tui.tag_editor import TagEditor

            self.app.push_screen(TagEditor(draft), lambda edits: self._edit_tags(ids, edits, draft) if edits else None)

        if ids:
            self.read(read, show, "draft", opens=True)

    def do_picture_shows(self) -> None:
        from loratui.tui.overruling import FacetPick, list_facets

        ids = tuple(self.targets())

        def chosen(said: tuple[str, str] | None) -> None:
            if said is not None:
                self._overrule(ids, *said)

        if ids:
            self.app.push_screen(FacetPick(f"{self._say_which(ids)}: what is there to see?", list_facets()), chosen)

    # How they are done

    def act(
        self,
        work: Callable[[Catalog, Sequence[int]], int],
        command: Sequence[str],
        said: str | Callable[[], str],
        changes: Mapping[str, Any],
        *,
        ids: Sequence[int] | None = None,
        options: Sequence[str] = (),
        advances: bool = False,
        failed: Callable[[], None] = lambda: None,
        warnings: Sequence[str] = (),
    ) -> None:
        """Show what an action will change, queue it, and remember its command line: `command`, a query, `options`.

        What is `said` of it, and `warnings` against it, may be known only once it is done.
        """
        chosen = list(self.targets() if ids is None else ids)
        if not chosen:
            self.tell("There is no picture here to do that to.")
            return
        query, shown = self.shown_by()
        name = self._say_which(chosen)

        def write(catalog: Catalog) -> tuple[Done[int], str]:
            # Before the change, because afterwards the query may choose others.
            named = name_pictures(catalog, self.subject, chosen, query, shown)
            return watch_journal(lambda catalog: work(catalog, chosen))(catalog), named

        def done(answer: tuple[Done[int], str]) -> None:
            change, named = answer
            if not change.result:
                self.tell(" ".join((f"{name}: nothing to change.", *map(plain, warnings))))
                return
            if len(chosen) == 1:
                self._judged[change.entry] = chosen[0]
            self.lora.ran([*command, named, *options] if named else ())
            which = name if change.result >= len(chosen) else f"{change.result:,} of {name}"
            told = change.say(f"{which}: {said if isinstance(said, str) else said()}.", self.key("app.undo"))
            self.lora.tell(" ".join((told, *map(plain, warnings))), warning=bool(warnings))

        self.foresee(chosen, changes)

        def refused() -> None:
            if self.is_open:
                self.reread()
            failed()

        about = f"{name}, {said}" if isinstance(said, str) else name
        self.bridge.write(write, done, owner=self.lora, failed=refused, about=about)
        if advances and len(chosen) == 1:
            self.advance(chosen[0])

    def reread(self) -> None:
        """Something could not be written: show what is really there."""
        self.library_changed()

    def _say_which(self, ids: Sequence[int]) -> str:
        return (self.name_of(ids[0]) if len(ids) == 1 else "") or count(len(ids), "picture")

    def _set_role(self, role: str, said: str = "", *, reason: str = "", ids: Sequence[int] | None = None) -> None:
        def work(catalog: Catalog, ids: Sequence[int]) -> int:
            from loratui.catalog.roles import set_role

            return set_role(catalog, self.subject, role, ids, reason=reason)

        self.act(
            work,
            ["role", "set", self.subject, role],
            f"{said or role}{f' ({reason})' if reason else ''}",
            {"role": role, "reject_reason": reason},
            ids=ids,
            options=[f"--reason={reason}"] if reason else [],
            advances=True,
        )

    def _shift_repeats(self, by: int) -> None:
        def work(catalog: Catalog, ids: Sequence[int]) -> int:
            from loratui.catalog.roles import shift_repeats

            return shift_repeats(catalog, self.subject, by, ids)

        self.act(work, ["repeats", "set", self.subject, f"{by:+}"], f"repeats {by:+}", {"repeats_by": by})

    def _set_caption(self, ids: Sequence[int], text: str, *, failed: Callable[[], None]) -> None:
        def work(catalog: Catalog, ids: Sequence[int]) -> int:
            from loratui.catalog.edits import set_caption
            from loratui.catalog.ratings import warn_of_words
            from loratui.catalog.subjects import get_subject

            changed = set_caption(catalog, self.subject, ids, text or None)
            warnings.extend(warn_of_words(get_subject(catalog, self.subject), text) if text else ())
            return changed

        warnings: list[str] = []
        said = "caption written" if text else "caption computed again"
        options = [text] if text else ["--computed"]
        self.act(
            work,
            ["caption", "set", self.subject],
            said,
            {"caption": text or None},
            ids=ids,
            options=options,
            failed=failed,
            warnings=warnings,
        )

    def _edit_tags(self, ids: Sequence[int], edits: TagEdits, draft: TagDraft) -> None:
        def work(catalog: Catalog, ids: Sequence[int]) -> int:
            from loratui.captions.tag_edits import edit_tags

            add, remove = edits.add, edits.remove
            done = edit_tags(catalog, self.subject, ids, add=add, remove=remove, known=draft.known)
            warnings.extend((*done.notes, *done.tell_lacking()))
            return done.noted

        warnings: list[str] = []
        options = [*(f"--add={tag}" for tag in edits.add), *(f"--remove={tag}" for tag in edits.remove)]
        said = ", ".join([*edits.add, *(f"-{tag}" for tag in edits.remove)])
        self.act(
            work, ["caption", "tag", self.subject], f"tags {said}", {}, ids=ids, options=options, warnings=warnings
        )

    def _overrule(self, ids: Sequence[int], facet: str, value: str) -> None:
        def work(catalog: Catalog, ids: Sequence[int]) -> int:
            from loratui.captions.overruling import overrule_facets, tell_contradiction

            found = overrule_facets(catalog, self.subject, ids, {facet: value})
            if gone := list(found.removed):
                told.append(f" instead of {plain(', '.join(gone[:3]))}{' and more' * (len(gone) > 3)}")
            if others := found.contradictions:
                more = f" ({count(len(others) - 1, 'more caption')} too)" if len(others) > 1 else ""
                anew = f"{self.key('picture.caption')} writes it anew"
                told.append(f"; {plain(tell_contradiction(others[0])).rstrip('.')}{more}: {anew}")
            return found.changed[facet]

        def said() -> str:
            return f"{facet} is {value}{''.join(told)}"

        told: list[str] = []
        options = [f"--{facet}={value}"]
        self.act(work, ["overrule", self.subject], said, {}, ids=ids, options=options)
