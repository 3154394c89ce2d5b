"""Adding, removing and replacing tags on many pictures at once, with a scope that is always in sight."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING

from loratui.tui.naming import name_pictures
from loratui.tui.tag_editor import TagEdits, check_edits, parse_edits
from loratui.tui.tag_lines import ALL
from loratui.tui.tag_scope import TagCuration
from loratui.tui.text import count, plain
from loratui.tui.undoing import watch_journal

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from loratui.catalog.store import Catalog
    from loratui.tui.tag_form import TagForm
    from loratui.tui.undoing import Done

_NOTHING = "No picture in scope needs that: nothing to change."


class BulkTagging(TagCuration):
    """The bulk edits of the tags screen: each says how many pictures it will change before it does."""

    @abstractmethod
    def go_to(self, tag: str) -> None:
        """Put the cursor on a tag as soon as it is there."""

    def do_tag_add(self) -> None:
        def lacking(edits: TagEdits) -> set[int]:
            return {id_ for tag in edits.add for id_ in self._within_scope(tag, has=False)}

        def having(edits: TagEdits) -> set[int]:
            return {id_ for tag in edits.remove for id_ in self._within_scope(tag)}

        def touched(tags: tuple[str, ...]) -> str:
            edits = _read_edits(tags)
            said = []
            if edits.add:
                missing = "it" if len(tags) == 1 else ", ".join(edits.add) if edits.remove else "what is missing"
                said.append(f"{count(len(lacking(edits)), 'picture')} will get {missing}")
            if edits.remove:
                said.append(f"{count(len(having(edits)), 'picture')} will lose {', '.join(edits.remove)}")
            return f"{', '.join(said)}." if said else ""

        def chosen(tags: tuple[str, ...] | None) -> None:
            edits = _read_edits(tags or ())

            if edits.add or edits.remove:
                options = [*(f"--add={tag}" for tag in edits.add), *(f"--remove={tag}" for tag in edits.remove)]
                said = [f"got {', '.join(edits.add)}"] * bool(edits.add)
                said += [f"lost {', '.join(edits.remove)}"] * bool(edits.remove)
                ids = sorted(lacking(edits) | having(edits))
                self._edit_tags_of(ids, edits, ", ".join(said), options)

        def check(tags: tuple[str, ...]) -> str:
            return check_edits(_read_edits(tags))

        self._ask("Add tags", touched, chosen, check=check, keys="-tag removes   ")

    def do_tag_remove(self) -> None:
        def touched(tags: tuple[str, ...]) -> str:
            having = {id_ for tag in tags for id_ in self._within_scope(tag)}
            return f"{count(len(having), 'picture')} will lose {'it' if len(tags) == 1 else 'them'}." if tags else ""

        def chosen(tags: tuple[str, ...] | None) -> None:
            if tags:
                ids = sorted({id_ for tag in tags for id_ in self._within_scope(tag)})
                options = [f"--remove={tag}" for tag in tags]
                self._edit_tags_of(ids, TagEdits(remove=tags), f"lost {', '.join(tags)}", options)

        def check(tags: tuple[str, ...]) -> str:
            return check_edits(TagEdits(remove=tags))

        value = self.tag.tag if self.tag is not None else ""
        self._ask("Remove tags", touched, chosen, value, check=check)

    def do_tag_replace(self) -> None:
        from loratui.captions.replacing import replace_words, spell_new

        tag = self.tag
        if tag is None:
            return
        scope = set(self.view.scope.ids)
        written = {
            one.id
            for one in self.view.book.pictures
            if one.caption and one.id in scope and replace_words(one.caption, tag.tag, "") != one.caption
        }
        having = set(self._within_scope(tag.tag))

        def check(tags: tuple[str, ...]) -> str:
            if len(tags) > 1:
                return "One tag takes the place of another: a adds the others."
            if tags and tags[0].startswith("-"):
                return "No tag begins with a minus: x removes tags."
            if tags and "*" in tags[0]:
                return "Rules and queries read * as any text: name one tag."
            return check_edits(TagEdits(add=tags))

        def touched(tags: tuple[str, ...]) -> str:
            words = f"; {count(len(written), 'caption')} written by hand will say it too" if written else ""
            return f"{count(len(having | written), 'picture')} will change{words}."

        def chosen(tags: tuple[str, ...] | None) -> None:
            def work(catalog: Catalog, ids: Sequence[int]) -> int:
                from loratui.captions.ratings import warn_of_tags
                from loratui.captions.replacing import replace_tag
                from loratui.catalog.subjects import get_subject

                done = replace_tag(catalog, self.subject, ids, tag.tag, new, scope=scope)
                if done.imbued:
                    lost = f", and left out of {count(done.silenced, 'caption')} now" if done.silenced else ""
                    warnings.append(f"{new} is imbued too, as {tag.tag} was{lost}: i says it.")
                if done.left_out:
                    outside = f"{count(done.left_out, 'picture')} out of scope"
                    warnings.append(
                        f"{new} is said although {tag.tag} is imbued: rules act on {outside} too. i imbues it."
                    )
                warnings.extend(warn_of_tags(catalog, get_subject(catalog, self.subject), ids, [new]))
                return done.pictures

            if tags and len(tags) == 1 and tags[0] != tag.tag:
                new = spell_new(self.view.book, tag.tag, tags[0])
                said = f"{new} in place of {tag.tag}"
                self.go_to(new)
                warnings: list[str] = []
                verb, words = ["caption", "replace"], [tag.tag, new]
                self._edit(work, sorted(having | written), said, verb, [], words, warnings=warnings)

        self._ask(f"Put another tag in place of {tag.tag}", touched, chosen, check=check)

    def _within_scope(self, tag: str, *, has: bool = True) -> list[int]:
        """Ids of the pictures in scope that have a tag, or of those that have not."""
        from loratui.captions.tags import fold_tag

        holders = {one.id for one in self.view.holders.get(fold_tag(tag), ())}
        return [id_ for id_ in self.view.scope.ids if (id_ in holders) == has]

    def _ask(
        self,
        title: str,
        touched: Callable[[tuple[str, ...]], str],
        chosen: Callable[[tuple[str, ...] | None], None],
        value: str = "",
        *,
        check: Callable[[tuple[str, ...]], str],
        keys: str = "",
    ) -> None:
        from loratui.tui.tag_form import TagForm

        scope = self.view.scope
        others = "   s on the screen chooses other pictures" if len(self.view.scopes) > 1 else ""
        known = [one.tag for one in self.view.tags]
        words = f"Of {scope.words}: {count(len(scope.ids), 'picture')}{others}"
        form = TagForm(title, words, known, touched, value, check=check, keys=keys)
        self.app.push_screen(form, chosen)
        self._offer_all_tags(form)

    def _offer_all_tags(self, form: TagForm) -> None:
        """Tags of other subjects are offered as well, after those of this one."""

        def work(catalog: Catalog) -> list[str]:
            from loratui.catalog.tagged import list_known_tags

            return list_known_tags(catalog)

        def offer(tags: list[str]) -> None:
            if form.is_mounted:
                form.add_known(tags)

        self.read(work, offer, "known")

    def _edit_tags_of(self, ids: Sequence[int], edits: TagEdits, said: str, options: Sequence[str]) -> None:
        """Add and remove tags of pictures that need it; without any, say which tags may have been meant."""
        scope = tuple(self.view.scope.ids)

        def work(catalog: Catalog, ids: Sequence[int]) -> int:
            from loratui.captions.tag_edits import edit_tags

            done = edit_tags(catalog, self.subject, ids, add=edits.add, remove=edits.remove)
            warnings.extend(done.notes)
            return done.noted

        def look(catalog: Catalog) -> list[str]:
            from loratui.captions.tag_edits import tell_lacking

            return tell_lacking(catalog, self.subject, scope, edits.remove)

        warnings: list[str] = []
        if ids or not edits.remove:
            self._edit(work, ids, said, ["caption", "tag"], options, warnings=warnings)
        else:
            self.read(look, lambda lacking: self.tell(plain(" ".join(lacking)) or _NOTHING), "lacking")

    def _edit(
        self,
        work: Callable[[Catalog, Sequence[int]], int],
        ids: Sequence[int],
        said: str,
        verb: Sequence[str],
        options: Sequence[str],
        words: Sequence[str] = (),
        *,
        warnings: Sequence[str] = (),
    ) -> None:
        """Queue a bulk edit of some pictures of the scope, say how many changed, and remember its command line.

        What `warnings` there are against it may be known only once it is done.
        """
        if not ids:
            self.tell(_NOTHING)
            return
        scope = self.view.scope

        def write(catalog: Catalog) -> tuple[Done[int], str]:
            # The whole scope is named where a query does: the verb leaves alone what needs no change.
            everything = "all" if scope.kind == ALL else ""
            named = scope.query or everything or name_pictures(catalog, self.subject, ids, None, len(ids))
            return watch_journal(lambda catalog: work(catalog, ids))(catalog), named

        def done(answer: tuple[Done[int], str]) -> None:
            changed, named = answer
            self.lora.ran([*verb, self.subject, *words, named, *options] if named else ())
            told = changed.say(f"{count(changed.result, 'picture')} changed: {said}.") if changed.entry else _NOTHING
            self.lora.tell(" ".join((told, *map(plain, warnings))), warning=bool(warnings))

        self.bridge.write(write, done, owner=self.lora, failed=self.if_open(self.reread))


def _read_edits(tags: Sequence[str]) -> TagEdits:
    """What is added and what is removed: as on the wall, a minus removes."""
    return parse_edits(", ".join(tags))
