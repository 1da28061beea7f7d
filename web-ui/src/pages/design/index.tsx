import { useCallback, useEffect, useMemo, useRef, useState } from "preact/hooks";
import { asFailure } from "../../api/client";
import type { Failure, Session } from "../../api/types";
import { language, useText } from "../../app/language";
import { live } from "../../app/live";
import { may } from "../../app/roles";
import type { Route } from "../../app/routes";
import { useStore } from "../../app/store";
import { dateTime } from "../../ui/format";
import { FailureNotice, Notice } from "../../ui/notice";
import { Button, Loading, PageHead } from "../../ui/parts";
import { useAction } from "../../ui/use";
import type { PageProps } from "..";
import { CompareView } from "./compare";
import "./design.css";
import "./paper.css";
import { type Desk, DeskContext, useDesignTexts, useDesk } from "./desk";
import { dropWork, type Found, keepWork, load, ofGeneration } from "./load";
import { ClashNotice, LockNotice, Release } from "./lock";
import { calls } from "./model/calls";
import { type Editing, Editor, opened } from "./model/editor";
import { type RowKind, rowKinds } from "./model/fields";
import { fieldId, type StepName, stepNames } from "./model/problems";
import { fill, parseProposal } from "./model/propose";
import { formatPath, type Json, type Path, parsePath, set } from "./model/tree";
import { PrintView } from "./print";
import { GuidedView, type Selected } from "./steps";
import { Summary } from "./summary";
import { RowTable } from "./table";
import { TomlView } from "./toml";

const views = ["guided", "tables", "text", "compare", "print"] as const;
type View = (typeof views)[number];

/** The editor of the IP design. */
export default function DesignPage({ route, session }: PageProps) {
  const common = useText();
  const [found, setFound] = useState<Found | null>(null);
  const [failure, setFailure] = useState<Failure | null>(null);
  const [round, setRound] = useState(0);
  // A round is a wish to begin again.
  useEffect(() => {
    let left = false;
    setFound(null);
    load(may(session.role, "draft")).then(
      (answer) => !left && setFound(answer),
      (thrown: unknown) => !left && setFailure(asFailure(thrown)),
    );
    return () => {
      left = true;
    };
  }, [round]);
  const again = () => {
    setFailure(null);
    setRound(round + 1);
  };
  if (!found) {
    return (
      <>
        <PageHead title={common.pages.design} />
        {failure ? <FailureNotice failure={failure} retry={again} /> : <Loading />}
      </>
    );
  }
  const begin = () => {
    dropWork();
    again();
  };
  return <Room key={round} found={found} route={route} session={session} begin={begin} />;
}

/** The page with a design open in it. */
function Room(props: { found: Found; route: Route; session: Session; begin: () => void }) {
  const { found, route, session, begin } = props;
  const [state, setState] = useState<Editing>(() => opened(found.work, found.lock));
  const editor = useRef<Editor>();
  if (!editor.current) {
    editor.current = new Editor(state, {
      calls,
      now: Date.now,
      later: (run, milliseconds) => {
        const timer = setTimeout(run, milliseconds);
        return () => clearTimeout(timer);
      },
      breath: () => new Promise((resolve) => setTimeout(resolve)),
      keep: keepWork,
      tell: setState,
    });
  }
  const now = editor.current;
  useEffect(() => {
    now.start();
    const flush = () => now.flush();
    addEventListener("pagehide", flush);
    return () => {
      removeEventListener("pagehide", flush);
      now.close();
    };
  }, [now]);
  const put = useCallback(
    (path: string, value: Json | undefined) =>
      now.edit(set(now.state.history.present, parsePath(path), value), path),
    [now],
  );
  const mine = may(session.role, "draft");
  const readOnly = !mine || (state.lock !== null && !state.lock.mine);
  const desk = useMemo<Desk>(
    () => ({ editor: now, state, session, readOnly, fieldsOff: readOnly || state.unread !== null, put }),
    [now, state, session, readOnly, put],
  );
  return (
    <DeskContext.Provider value={desk}>
      <Content found={found} route={route} begin={begin} />
    </DeskContext.Provider>
  );
}

function viewOf(rest: string): { view: View; step: StepName; kind: RowKind } {
  const [first = "", second = ""] = rest.split("/");
  const view = views.find((view) => view === first) ?? "guided";
  const step = stepNames.find((step) => step === first) ?? "start";
  const kind = (Object.keys(rowKinds) as RowKind[]).find((kind) => kind === second) ?? "server";
  return { view, step, kind };
}

const noneSelected: Selected = { server: 0, terminals: 0, entry: 0, object: 0, service: 0, policy: 0 };

function Content({ found, route, begin }: { found: Found; route: Route; begin: () => void }) {
  const { editor, state, session } = useDesk();
  const t = useDesignTexts();
  const common = useText();
  const now = useStore(language);
  const { view, step, kind } = viewOf(route.rest);
  const [selected, setSelected] = useState<Selected>(noneSelected);
  const select = useCallback(
    (kind: RowKind, index: number) => setSelected((old) => ({ ...old, [kind]: index })),
    [],
  );
  const proposal = useProposal(route, (path) => goTo(path, select));
  const wanted = route.query.at;
  useEffect(() => {
    if (wanted) goTo(parsePath(wanted), select);
  }, [wanted, select]);
  const openRow = useCallback(
    (index: number) => {
      select(kind, index);
      location.hash = `#/design/${stepOfKind[kind]}`;
    },
    [kind, select],
  );
  return (
    <>
      <PageHead title={common.pages.design} actions={<Toolbar />} />
      <nav class="tabs no-print" aria-label={common.pages.design}>
        {views.map((name) => (
          <a
            key={name}
            href={name === "guided" ? "#/design" : `#/design/${name}`}
            aria-current={name === view ? "page" : undefined}
          >
            {t.views[name]}
          </a>
        ))}
      </nav>
      <div class="stack design-notices no-print">
        {!may(session.role, "draft") && <Notice tone="info" title={t.readOnly} />}
        <LockNotice />
        <ClashNotice begin={begin} />
        <FailureNotice failure={state.failure} retry={() => editor.start()} />
        <BaseNotice />
        {found.from === "tab" && !proposal && state.history.past.length === 0 && (
          <Notice tone="info" title={t.restored} actions={<StartOver />} />
        )}
        {found.from === "draft" && found.draft && state.history.past.length === 0 && (
          <Notice
            tone="info"
            title={t.draftOpened(found.draft.by, dateTime(found.draft.at, now))}
            actions={<StartOver />}
          />
        )}
        {proposal === "done" && (
          <Notice tone="ok" title={t.proposal.done}>
            <p>{t.proposal.doneText}</p>
          </Notice>
        )}
        {proposal === "failed" && (
          <Notice tone="bad" title={t.proposal.failed}>
            <p>{t.proposal.failedText}</p>
          </Notice>
        )}
        {state.lostComments && <Notice tone="warn" title={t.lostComments} />}
        {state.unread && view !== "text" && <Unread />}
        <Summary />
      </div>
      <div class="design-view">
        {view === "guided" && <GuidedView step={step} selected={selected} select={select} />}
        {view === "tables" && (
          <>
            <nav class="tabs no-print" aria-label={t.views.tables}>
              {(Object.keys(rowKinds) as RowKind[]).map((name) => (
                <a
                  key={name}
                  href={`#/design/tables/${name}`}
                  aria-current={name === kind ? "page" : undefined}
                >
                  {t.rows.kinds[name]}
                </a>
              ))}
            </nav>
            <RowTable key={kind} kind={kind} openRow={openRow} />
          </>
        )}
        {view === "text" && <TomlView />}
        {view === "compare" && <CompareView />}
        {view === "print" && <PrintView />}
      </div>
      {state.lock?.mine && (
        <div class="row end no-print">
          <span class="quiet small">{t.lock.mine}</span>
          <Release begin={begin} />
        </div>
      )}
    </>
  );
}

const stepOfKind: Record<RowKind, StepName> = {
  server: "servers",
  terminals: "terminals",
  entry: "names",
  object: "policies",
  service: "policies",
  policy: "policies",
};

/** Brings a value's field into sight: its row is opened first, then the nearest field that there is gets the focus. */
function goTo(path: Path, select: (kind: RowKind, index: number) => void): void {
  for (const kind of Object.keys(rowKinds) as RowKind[]) {
    const { path: rows } = rowKinds[kind];
    const index = path[rows.length];
    if (rows.every((part, place) => path[place] === part) && typeof index === "number") select(kind, index);
  }
  setTimeout(() => {
    for (let length = path.length; length > 0; length -= 1) {
      const field = document.getElementById(fieldId(formatPath(path.slice(0, length))));
      if (!field) continue;
      field.closest("details")?.setAttribute("open", "");
      field.scrollIntoView({ block: "center" });
      field.focus();
      return;
    }
  }, 80);
}

/** Fills in the proposal of a link, once, and takes it out of the address so that a reload doesn't fill it in again. */
function useProposal(route: Route, show: (path: Path) => void): "done" | "failed" | null {
  const { editor, readOnly } = useDesk();
  const [outcome, setOutcome] = useState<"done" | "failed" | null>(null);
  const { propose } = route.query;
  // A proposal is filled in once.
  useEffect(() => {
    if (propose === undefined) return;
    const change = parseProposal(propose);
    const filled = change && !readOnly ? fill(editor.state.history.present, change) : null;
    setOutcome(filled ? "done" : "failed");
    const step = filled ? stepNames.find((step) => stepHas(step, filled.path)) : undefined;
    history.replaceState(null, "", `#/design/${step ?? ""}`);
    // The shell hears of addresses by their event only.
    dispatchEvent(new HashChangeEvent("hashchange"));
    if (!filled) return;
    editor.edit(filled.tree, "proposal");
    show(filled.path);
  }, [propose]);
  return outcome;
}

function stepHas(step: StepName, path: Path): boolean {
  return { server: "servers", terminals: "terminals", interface: "interfaces" }[String(path[0])] === step;
}

function Toolbar() {
  const { editor, state, readOnly } = useDesk();
  const t = useDesignTexts();
  const { history, busy, saved, lock } = state;
  const errors = state.problems.count("error");
  useEffect(() => {
    const hear = (event: KeyboardEvent) => {
      const typing = event.target instanceof HTMLTextAreaElement;
      if (!(event.ctrlKey || event.metaKey) || event.altKey || typing || readOnly) return;
      const letter = event.key.toLowerCase();
      if (letter !== "z" && letter !== "y") return;
      event.preventDefault();
      if (letter === "y" || event.shiftKey) editor.redo();
      else editor.undo();
    };
    addEventListener("keydown", hear);
    return () => removeEventListener("keydown", hear);
  }, [editor, readOnly]);
  return (
    <>
      <span class="small quiet" role="status">
        {busy ? t.checking : errors > 0 ? t.errors(errors) : t.checked}
        {lock?.mine ? ` / ${saved ? t.saved : t.unsaved}` : ""}
      </span>
      <Button disabled={readOnly || history.past.length === 0} onClick={() => editor.undo()}>
        {t.undo}
      </Button>
      <Button disabled={readOnly || history.future.length === 0} onClick={() => editor.redo()}>
        {t.redo}
      </Button>
      <Button
        kind="primary"
        disabled={errors > 0 || busy}
        title={errors > 0 ? t.toApplyErrors : undefined}
        onClick={() => {
          location.hash = "#/apply";
        }}
      >
        {t.toApply}
      </Button>
    </>
  );
}

/** Somebody has put another generation in force since this design was begun. */
function BaseNotice() {
  const { state } = useDesk();
  const t = useDesignTexts();
  const status = useStore(live).status;
  if (!status || status.awaiting || status.generation === state.base) return null;
  return (
    <Notice
      tone="warn"
      title={t.baseChanged(state.base, status.generation)}
      actions={
        <a class="button" href="#/design/compare">
          {t.views.compare}
        </a>
      }
    >
      <p>{t.baseChangedText}</p>
    </Notice>
  );
}

function StartOver() {
  const { editor, readOnly } = useDesk();
  const t = useDesignTexts();
  const generation = useStore(live).status?.generation ?? 0;
  const start = useAction(async () => editor.replace(await ofGeneration(generation)));
  if (generation === 0) return null;
  return (
    <Button busy={start.busy} disabled={readOnly} onClick={() => start.run()}>
      {t.startOver}
    </Button>
  );
}

/** The text is no design: fields would write over it. */
function Unread() {
  const { editor } = useDesk();
  const t = useDesignTexts();
  return (
    <Notice
      tone="bad"
      title={t.unread}
      actions={
        <>
          <a class="button" href="#/design/text">
            {t.views.text}
          </a>
          <Button onClick={() => editor.giveUpText()}>{t.unreadBack}</Button>
        </>
      }
    >
      <p>{t.unreadText}</p>
    </Notice>
  );
}
