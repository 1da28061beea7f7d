import { ApiError, asFailure } from "../../../api/client";
import type { Failure, Ledger } from "../../../api/types";
import type { Calls, Checked, Draft, Lock } from "./calls";
import { carryComments, countComments } from "./comments";
import { begin, edit, type History, redo, undo } from "./history";
import { Problems } from "./problems";
import { same, type Tree } from "./tree";

/** The name of the site's file in what the server says of it. */
export const siteFile = "site.toml";

export type Ahead = "tree" | "text" | null;

export type Editing = {
  history: History;
  /** The file as the server wrote it, or as somebody types it. */
  text: string;
  /** Which of tree and text is the design, while the other one isn't made of it yet. */
  ahead: Ahead;
  /** Why the text can't be read as a design. */
  unread: Failure | null;
  /** Another profile than the one in force. */
  profile: string | null;
  /** The generation that it began from, 0 for none: where another one is in force now, somebody else wrote meanwhile. */
  base: number;
  problems: Problems;
  checked: Checked | null;
  /** The last one that could be made: a row that is half written has none. */
  ledger: Ledger | null;
  /** An answer about the latest edit is on its way. */
  busy: boolean;
  /** Why the server couldn't be asked. */
  failure: Failure | null;
  /** The text had comments, and what was made of it has fewer. */
  lostComments: boolean;
  lock: Lock | null;
  /** Whether the draft on the box is what is shown here. */
  saved: boolean;
  /** When the draft on the box was kept that this one follows; none before the first. */
  after: string | null;
  /** The draft on the box is another one: another window of this session wrote. */
  clash: boolean;
};

/** What a tab keeps for the case that it is closed or the session ends. */
export type Kept = {
  text: string;
  tree: Tree;
  ahead: Ahead;
  profile: string | null;
  base: number;
  after: string | null;
};

export type Surroundings = {
  calls: Pick<Calls, "parse" | "print" | "check" | "keep" | "draft">;
  now: () => number;
  /** Runs it later; what it returns forgets it. */
  later: (run: () => void, milliseconds: number) => () => void;
  /** Lets whatever waits go first. */
  breath: () => Promise<void>;
  keep: (work: Kept) => void;
  tell: (state: Editing) => void;
};

/** Typing goes on for this long before the server is asked, in milliseconds. */
const checkAfter = 350;
/** The draft on the box is behind by so much at most, in milliseconds; the first one takes the lock at once. */
const saveAfter = 4000;

export function blank(): Tree {
  return { schema: 1, site: {}, interface: { lgwan: {}, "head-office": {} } };
}

export function opened(work: Kept, lock: Lock | null): Editing {
  return {
    history: begin(work.tree),
    text: work.text,
    ahead: work.ahead,
    unread: null,
    profile: work.profile,
    base: work.base,
    problems: new Problems([], siteFile),
    checked: null,
    ledger: null,
    busy: false,
    failure: null,
    lostComments: false,
    lock,
    saved: true,
    after: work.after,
    clash: false,
  };
}

/**
 * One design under edit. The tree is edited here, text and problems come from the server a moment after the last letter;
 * an answer to an earlier state is dropped. It owns two timers: `close` ends both.
 */
export class Editor {
  #state: Editing;
  readonly #around: Surroundings;
  /** The text that each tree came with: going back to one brings its comments back too. */
  readonly #texts = new WeakMap<Tree, string>();
  #round = 0;
  #checkTimer: (() => void) | null = null;
  #saveTimer: (() => void) | null = null;
  /** One draft after the other: each names the one before it. */
  #saving: Promise<unknown> = Promise.resolve();

  constructor(state: Editing, around: Surroundings) {
    this.#state = state;
    this.#around = around;
    this.#remember();
  }

  get state(): Editing {
    return this.#state;
  }

  get files(): { site: string; profile?: string } {
    const { text, profile } = this.#state;
    return profile === null ? { site: text } : { site: text, profile };
  }

  /** Asks about what is there already. */
  start(): void {
    this.#ask(nextOf(this.#state.ahead), 0);
  }

  /** Keeps in this tab what was typed, answered or not. */
  flush(): void {
    const { text, history, ahead, profile, base, after } = this.#state;
    this.#around.keep({ text, tree: history.present, ahead, profile, base, after });
  }

  close(): void {
    if (!this.#state.saved) this.flush();
    this.#round += 1;
    this.#checkTimer?.();
    this.#saveTimer?.();
  }

  /** Ends it without keeping anything in this tab. */
  drop(): void {
    this.#state = { ...this.#state, saved: true };
    this.close();
  }

  edit(tree: Tree, what: string): void {
    const history = edit(this.#state.history, tree, what, this.#around.now());
    if (history !== this.#state.history) this.#changed({ history, ahead: "tree", unread: null });
  }

  undo(): void {
    this.#goTo(undo(this.#state.history));
  }

  redo(): void {
    this.#goTo(redo(this.#state.history));
  }

  /** Somebody types the file itself. */
  write(text: string): void {
    if (text !== this.#state.text) this.#changed({ text, ahead: "text", lostComments: false });
  }

  /** Drops a text that can't be read for what could be read last. */
  giveUpText(): void {
    this.#changed({ ahead: "tree", unread: null });
  }

  setProfile(profile: string | null): void {
    this.#changed({ profile });
  }

  /** Begins again with another design, which can be undone. */
  replace(work: Pick<Kept, "text" | "tree" | "ahead" | "base">): void {
    const { text, tree, ahead, base } = work;
    const history = edit(this.#state.history, tree, "replace", this.#around.now());
    this.#changed({ history, text, ahead, base, profile: null, unread: null, lostComments: false });
  }

  /** Puts the draft on the box now. Says whether it is there; another one's lock is no failure but shown. */
  save(takeOver = false): Promise<boolean> {
    this.#saveTimer?.();
    this.#saveTimer = null;
    const saving = this.#saving.then(() => this.#save(takeOver));
    this.#saving = saving;
    return saving;
  }

  async #save(takeOver: boolean): Promise<boolean> {
    const { text, history } = this.#state;
    const draft: Draft = { ...this.files, generation: this.#state.base };
    try {
      const answer = await this.#around.calls.keep(draft, this.#state.after, takeOver);
      const unchanged = this.#state.text === text && this.#state.history.present === history.present;
      const after = answer.draft?.at ?? null;
      this.#tell({
        saved: unchanged,
        failure: null,
        after,
        clash: false,
        ...(answer.lock && { lock: answer.lock }),
      });
      return true;
    } catch (thrown) {
      if (thrown instanceof ApiError && thrown.failure.kind === "changed") {
        this.#tell({ clash: true });
        return false;
      }
      const held = thrown instanceof ApiError && thrown.status === 409;
      if (held) this.#tell({ lock: await this.#holder() });
      // That somebody else holds it is shown as such; a take-over that is refused is told in the server's words.
      if (!held || takeOver) this.#tell({ failure: asFailure(thrown) });
      return false;
    }
  }

  /** Who holds the draft now; somebody did a moment ago. */
  async #holder(): Promise<Lock | null> {
    try {
      return (await this.#around.calls.draft()).lock;
    } catch {
      return this.#state.lock;
    }
  }

  #goTo(history: History): void {
    if (history === this.#state.history) return;
    const text = this.#texts.get(history.present);
    if (text === undefined) this.#changed({ history, ahead: "tree", unread: null });
    else this.#changed({ history, text, ahead: null, unread: null, lostComments: false });
  }

  #remember(): void {
    const { history, text, ahead } = this.#state;
    if (ahead === null) this.#texts.set(history.present, text);
  }

  #changed(change: Partial<Editing>): void {
    this.#tell({ ...change, saved: false });
    this.#ask(nextOf(this.#state.ahead), checkAfter);
  }

  #ask(next: Next, after: number): void {
    this.#round += 1;
    const round = this.#round;
    this.#checkTimer?.();
    this.#tell({ busy: true });
    this.#checkTimer = this.#around.later(() => {
      this.#checkTimer = null;
      this.#answer(next, round);
    }, after);
  }

  async #answer(next: Next, round: number): Promise<void> {
    const { calls } = this.#around;
    const isLate = () => round !== this.#round;
    try {
      if (next === "print") {
        const before = this.#state.text;
        const printed = await calls.print(this.#state.history.present);
        if (isLate()) return;
        const text = carryComments(before, printed);
        // Of 500 servers that takes a while, and so does what follows: whoever types comes first.
        await this.#around.breath();
        if (isLate()) return;
        const lostComments = this.#state.lostComments || countComments(text) < countComments(before);
        this.#tell({ text, ahead: null, unread: null, lostComments });
      } else if (next === "parse") {
        await this.#parse(isLate);
        if (isLate()) return;
      }
      const checked = await calls.check(this.files);
      if (isLate()) return;
      const problems = new Problems(checked.problems, siteFile);
      const ledger = checked.ledger ?? this.#state.ledger;
      this.#tell({ checked, problems, ledger, busy: false, failure: null });
    } catch (thrown) {
      if (!isLate()) this.#tell({ busy: false, failure: asFailure(thrown) });
    }
    if (!isLate()) this.#keep();
  }

  /** A text that is no TOML leaves the tree as it was: the text is the design then. */
  async #parse(isLate: () => boolean): Promise<void> {
    try {
      const tree = await this.#around.calls.parse(this.#state.text);
      if (isLate()) return;
      const { history } = this.#state;
      const unchanged = same(tree, history.present);
      const next = unchanged ? history : edit(history, tree, "text", this.#around.now());
      this.#tell({ history: next, ahead: null, unread: null });
    } catch (thrown) {
      const refused = thrown instanceof ApiError && thrown.status >= 400 && thrown.status < 500;
      if (!refused) throw thrown;
      if (!isLate()) this.#tell({ unread: thrown.failure });
    }
  }

  #keep(): void {
    const { lock, saved, clash } = this.#state;
    this.flush();
    if (saved || clash || this.#saveTimer || (lock && !lock.mine)) return;
    this.#saveTimer = this.#around.later(
      () => {
        this.#saveTimer = null;
        void this.save();
      },
      lock?.mine ? saveAfter : 0,
    );
  }

  #tell(change: Partial<Editing>): void {
    this.#state = { ...this.#state, ...change };
    this.#remember();
    this.#around.tell(this.#state);
  }
}

type Next = "print" | "parse" | "check";

function nextOf(ahead: Ahead): Next {
  return ahead === "tree" ? "print" : ahead === "text" ? "parse" : "check";
}
