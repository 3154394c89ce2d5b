"""The threads that touch the library: results come back to the event loop as messages, whose handlers own the state."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from queue import SimpleQueue
from typing import TYPE_CHECKING, Literal, TypeVar

from textual.message import Message

from loratui.bugs import report_bug
from loratui.errors import Cancelled, LoratuiError, RefusedError
from loratui.tui.text import format_seconds

if TYPE_CHECKING:
    from collections.abc import Callable

    from textual.message_pump import MessagePump
    from textual.screen import Screen

    from loratui.catalog.store import Catalog
    from loratui.config import Home
    from loratui.events import Progress, Report

T = TypeVar("T")

POLL_S = 0.3
"""How often the library is asked whether anyone changed it."""

READERS = 3
"""Threads that answer questions: a long one leaves the others to the screen."""

REPORT_S = 0.1
"""Progress is shown at most this often."""


class Delivered(Message):
    """A result for the screen or app that asked; its handler calls `deliver` on the event loop."""

    def __init__(self, deliver: Callable[[], None]) -> None:
        super().__init__()
        self.deliver = deliver


class Failed(Message):
    """Something that was asked of the library could not be done; with `owner`, nobody but that one wants to know."""

    def __init__(self, error: LoratuiError, owner: MessagePump | None = None) -> None:
        super().__init__()
        self.error = error
        self.owner = owner


class LibraryChanged(Message):
    """Someone, this app included, has committed to the library."""

    def can_replace(self, message: Message) -> bool:
        return isinstance(message, LibraryChanged)


class TasksChanged(Message):
    """A long job started, moved on or ended."""

    def can_replace(self, message: Message) -> bool:
        return isinstance(message, TasksChanged)


TaskState = Literal["running", "done", "failed", "cancelled"]


@dataclass(slots=True)
class Task:
    """A long job in a thread of its own; `eta_s` counts from the last progress."""

    label: str
    started: float
    cancel: threading.Event = field(default_factory=threading.Event)
    state: TaskState = "running"
    progress: Progress | None = None
    outcome: str = ""
    about: str = ""
    """Name of what it works on, once that is known."""
    thread: threading.Thread | None = None
    report: Callable[[], Screen[None]] | None = None
    """Makes what there is to read about what came of it, if there is anything."""


class Bridge:
    """Opens the library in a thread, then reads, writes and runs long jobs beside the event loop.

    Reads of one group are latest-wins: an answer that a newer question has overtaken is dropped. Writes keep their
    order, one at a time, and none is ever dropped.
    """

    def __init__(self, home: Home, app: MessagePump) -> None:
        self.home = home
        self.tasks: list[Task] = []
        self._app = app
        self._reads: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._writes: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._workers = [
            threading.Thread(target=_work_off, args=(queue,), name=f"loratui-work-{number}", daemon=True)
            for number, queue in enumerate((self._writes, *[self._reads] * READERS))
        ]
        self.stopped: LoratuiError | None = None
        """Why nothing is read or written any more, once another version has the library."""
        self._catalog: Catalog | None = None
        self._opening = threading.Lock()
        self._latest: dict[tuple[int, str], int] = {}
        self._tickets = 0
        self._unwritten = 0
        self._asked = 0
        self._count = threading.Condition()
        self._closed = threading.Event()
        self._poked = threading.Event()
        self._poller = threading.Thread(target=self._poll, name="loratui-poll", daemon=True)

    def start(self) -> None:
        """Open the library now, so that the first question finds it open, and watch it for changes."""
        for worker in self._workers:
            worker.start()
        # Last: it opens the library, and starting a thread waits for the busy ones.
        self._poller.start()

    @property
    def closing(self) -> threading.Event:
        """Set when the app ends: long reads look at it and stop."""
        return self._closed

    @property
    def unwritten(self) -> int:
        """How many writes are not in the library yet."""
        return self._unwritten

    @property
    def busy(self) -> bool:
        """Whether any question or write is still under way (long jobs are not counted)."""
        return self._unwritten + self._asked > 0

    def read(
        self,
        work: Callable[[Catalog], T],
        then: Callable[[T], None],
        *,
        owner: MessagePump,
        group: str = "",
        finished: Callable[[], None] | None = None,
    ) -> None:
        """Ask the library; `then` gets the answer on the event loop, unless `owner` is gone or asked again since.

        `finished` is called on the event loop whatever happens, after `then`.
        """
        with self._count:
            self._tickets += 1
            ticket, key = self._tickets, (id(owner), group)
            if group:
                self._latest[key] = ticket
            self._asked += 1

        def is_overtaken() -> bool:
            return bool(group) and self._latest.get(key) != ticket

        def deliver(answer: T) -> None:
            try:
                if not is_overtaken():
                    then(answer)
            finally:
                if finished is not None:
                    finished()

        def run() -> None:
            delivered = False
            try:
                if not is_overtaken() and not self._closed.is_set():
                    answer = work(self.open())
                    delivered = owner.post_message(Delivered(lambda: deliver(answer)))
            except Exception as error:
                self._fail(error, owner)
            finally:
                if finished is not None and not delivered:
                    self._app.post_message(Delivered(finished))
                with self._count:
                    self._asked -= 1

        self._reads.put(run)

    def write(
        self,
        work: Callable[[Catalog], T],
        then: Callable[[T], None] | None = None,
        *,
        owner: MessagePump,
        failed: Callable[[], None] | None = None,
        about: str = "",
    ) -> None:
        """Change the library, after all changes asked for before; `then` gets the result on the event loop.

        When it fails the person is told, with what it was `about`: by then the cursor is elsewhere. `failed` takes back
        what the screen showed in advance.
        """
        with self._count:
            self._unwritten += 1

        def run() -> None:
            try:
                result = work(self.open())
                if then is not None:
                    owner.post_message(Delivered(lambda: then(result)))
            except Exception as error:
                if about and isinstance(error, LoratuiError) and error is not self.stopped:
                    error.message = f"Not done: {about}. {error.message}"
                self._fail(error)
                if failed is not None:
                    owner.post_message(Delivered(failed))
            finally:
                with self._count:
                    self._unwritten -= 1
                self._poked.set()

        self._writes.put(run)

    def start_task(
        self,
        label: str,
        work: Callable[[Catalog, Report, threading.Event], T],
        then: Callable[[T], str],
        *,
        owner: MessagePump,
        failed: Callable[[LoratuiError], None] | None = None,
    ) -> Task:
        """Run a long job; `then` gets its result on the event loop and says in a sentence what came of it.

        When it fails the person is told, unless `failed` is there to do that: it gets the error on the event loop.
        """
        task = Task(label, time.monotonic())
        self.tasks.append(task)

        def finish(result: T) -> None:
            task.outcome = then(result)

        def run() -> None:
            try:
                result = work(self.open(), self._reporting(task), task.cancel)
                task.state = "cancelled" if task.cancel.is_set() else "done"
                (owner if owner.is_running else self._app).post_message(Delivered(lambda: finish(result)))
            except Cancelled as error:
                task.state, task.outcome = "cancelled", error.message
                if task.cancel.is_set():
                    task.outcome = f"stopped by you. {error.message}"
            except Exception as error:
                task.state = "failed"
                told = self._word(error)
                task.outcome = f"{told.message} {told.hint}".strip()
                if failed is None or told is self.stopped:
                    self._app.post_message(Failed(told))
                else:
                    self._app.post_message(Delivered(lambda: failed(told)))
            finally:
                self._poked.set()
                self._app.post_message(TasksChanged())

        task.thread = threading.Thread(target=run, name=f"loratui-task-{label}", daemon=True)
        task.thread.start()
        self._app.post_message(TasksChanged())
        return task

    def note(self, label: str, outcome: str) -> Task:
        """Put a change among the jobs that is done already, for what there is to read about it."""
        task = Task(label, time.monotonic(), state="done", outcome=outcome)
        self.tasks.append(task)
        return task

    def deliver(self, call: Callable[[], None]) -> None:
        """Have a thread's news told on the event loop."""
        self._app.post_message(Delivered(call))

    def running_tasks(self) -> list[Task]:
        """The long jobs that have not ended."""
        return [task for task in self.tasks if task.state == "running"]

    @property
    def activity(self) -> str:
        """The long job that runs, with its time left; empty while there is none."""
        running = self.running_tasks()
        if not running:
            return ""
        text, progress = running[-1].label, running[-1].progress
        if progress is not None:
            text += f" {progress.done}/{progress.total}" if progress.total else ""
            text += f" {format_seconds(progress.eta_s)} left" if progress.eta_s is not None else ""
        return text + (f" (+{len(running) - 1})" if len(running) > 1 else "")

    def open(self) -> Catalog:
        """The library, opened on first use; called from threads only."""
        with self._opening:
            if self.stopped is None and self._catalog is None:
                try:
                    self._catalog = self._open()
                except RefusedError as error:
                    self.stopped = error if self._is_newer() else None
                    raise
            if self.stopped is not None:
                raise self.stopped
            assert self._catalog is not None
            return self._catalog

    def close(self, patience_s: float = 30.0) -> bool:
        """Cancel long jobs, finish every write, and close the library; False when some were not done in time."""
        for task in self.running_tasks():
            task.cancel.set()
        until = time.monotonic() + patience_s
        self._closed.set()
        self._poked.set()
        while self._unwritten and time.monotonic() < until:
            time.sleep(0.005)
        for task in self.tasks:
            if task.thread is not None:
                task.thread.join(max(0.0, until - time.monotonic()))
        for queue in (*[self._reads] * READERS, self._writes):
            queue.put(None)
        # Readers are not waited for: an answer has nobody left to go to, and their threads end with the process.
        if self._catalog is not None and not self._unwritten:
            self._catalog.close()
        return not self._unwritten

    def _open(self) -> Catalog:
        from loratui.catalog.store import open_catalog

        task = Task("upgrade the library", time.monotonic())
        show = self._reporting(task)

        def report(progress: Progress) -> None:
            if task.progress is None:
                self.tasks.append(task)
            show(progress)

        try:
            catalog = open_catalog(self.home, actor="tui", report=report)
            task.state, task.outcome = "done", f"The library as it was before is in {self.home.backups}."
            return catalog
        except Exception:
            task.state = "failed"
            raise
        finally:
            if task.progress is not None:
                self._app.post_message(TasksChanged())

    def _is_newer(self) -> bool:
        """Whether a newer version made the library; what else speaks against opening it may pass."""
        from loratui.catalog.schema import SCHEMA_HEAD, read_revision

        try:
            return (read_revision(self.home.database) or "") > SCHEMA_HEAD
        except LoratuiError:
            return False

    def _require_own_schema(self) -> None:
        """Stop everything when another version took the library over: what is read could be misread, or spoiled."""
        from loratui.catalog.schema import SCHEMA_HEAD, read_revision

        found = read_revision(self.home.database)
        if found != SCHEMA_HEAD:
            self.stopped = RefusedError(
                f"Another version of loratui has upgraded the library meanwhile (schema {found}, here {SCHEMA_HEAD}).",
                hint="Nothing is read or written here any more. Quit and start loratui anew; if it says then that it "
                "is older than the library, upgrade it.",
            )
            for task in self.running_tasks():
                task.cancel.set()
            raise self.stopped

    def _reporting(self, task: Task) -> Report:
        """A report that shows how far a job is, now and then."""
        shown = 0.0

        def report(progress: Progress) -> None:
            nonlocal shown
            task.progress = progress
            if time.monotonic() - shown >= REPORT_S:
                shown = time.monotonic()
                self._app.post_message(TasksChanged())

        return report

    def _poll(self) -> None:
        seen: int | None = None
        swept = failing = False
        while not (self._closed.is_set() or self.stopped):
            try:
                # What could not be opened is left to the next question: a failed migration makes a backup each time.
                catalog = self._catalog if failing else self.open()
                # Own changes are shown in advance; reading before all are written would show older ones again.
                if catalog is not None and (seen is None or not self._unwritten):
                    found = catalog.data_version()
                    # The screens read after the library is open: only what comes later is news to them.
                    if found != seen and (seen is not None or failing):
                        self._require_own_schema()
                        self._app.post_message(LibraryChanged())
                    seen, failing = found, False
                    if not swept:
                        swept = True
                        self._sweep()
            except Exception as error:
                # Told once: it is tried again until the library can be read.
                if not failing and not self._closed.is_set():
                    self._fail(_explain(error))
                failing = True
            self._poked.wait(POLL_S)
            self._poked.clear()

    def _sweep(self) -> None:
        from loratui.catalog.blobs import sweep_incoming

        sweep_incoming(self.home)

    def _fail(self, error: Exception, owner: MessagePump | None = None) -> LoratuiError:
        told = self._word(error)
        # A bug is told whoever asked.
        self._app.post_message(Failed(told, owner if told is error else None))
        return told

    def _word(self, error: Exception) -> LoratuiError:
        """The error as the person is told of it; a bug is put on record."""
        return error if isinstance(error, LoratuiError) else report_bug(error, "loratui tui", self.home)


def _work_off(queue: SimpleQueue[Callable[[], None] | None]) -> None:
    """Do what is put into the queue, one after the other, until None comes."""
    while (job := queue.get()) is not None:
        job()


def _explain(error: Exception) -> Exception:
    """What keeps the library from being watched, in words of its own where it is the disk and no bug."""
    from sqlite3 import Error

    if not isinstance(error, Error):
        return error
    hint = "Looking goes on: what other programs change shows as soon as it works again."
    return LoratuiError(f"The library can't be watched for changes: {error}.", hint=hint)
