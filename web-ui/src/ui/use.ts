import { useCallback, useEffect, useRef, useState } from "preact/hooks";
import { asFailure, get } from "../api/client";
import type { Failure } from "../api/types";
import { isWatched } from "../app/activity";

export type Loaded<T> = { value: T | null; failure: Failure | null; busy: boolean; reload: () => void };

/** What `GET path` answers, asked again when the path changes; nothing is asked for `null`. */
export function useGet<T>(path: string | null, everySeconds?: number): Loaded<T> {
  const [value, setValue] = useState<T | null>(null);
  const [failure, setFailure] = useState<Failure | null>(null);
  const [busy, setBusy] = useState(path !== null);
  const [round, setRound] = useState(0);
  const shown = useRef(path);
  useEffect(() => {
    if (path === null) return;
    const stop = new AbortController();
    if (shown.current !== path) setValue(null);
    shown.current = path;
    setBusy(true);
    get<T>(path, stop.signal).then(
      (answer) => {
        if (stop.signal.aborted) return;
        setValue(answer);
        setFailure(null);
        setBusy(false);
      },
      (thrown: unknown) => {
        if (stop.signal.aborted) return;
        setFailure(asFailure(thrown));
        setBusy(false);
      },
    );
    return () => stop.abort();
  }, [path, round]);
  const reload = useCallback(() => setRound((now) => now + 1), []);
  useEffect(() => {
    if (!everySeconds) return;
    const timer = setInterval(() => {
      if (isWatched()) reload();
    }, everySeconds * 1000);
    return () => clearInterval(timer);
  }, [everySeconds, reload]);
  return { value, failure, busy, reload };
}

export type Action<A extends unknown[]> = {
  run: (...given: A) => Promise<boolean>;
  busy: boolean;
  failure: Failure | null;
  clear: () => void;
};

/** Something that a button does: under way once at a time, its failure kept to be shown. */
export function useAction<A extends unknown[]>(act: (...given: A) => Promise<unknown>): Action<A> {
  const [busy, setBusy] = useState(false);
  const [failure, setFailure] = useState<Failure | null>(null);
  const run = async (...given: A) => {
    setBusy(true);
    setFailure(null);
    try {
      await act(...given);
      return true;
    } catch (thrown) {
      setFailure(asFailure(thrown));
      return false;
    } finally {
      setBusy(false);
    }
  };
  return { run, busy, failure, clear: () => setFailure(null) };
}

/** The time, each second, while something counts down. */
export function useNow(active = true): number {
  const [now, setNow] = useState(Date.now());
  useEffect(() => {
    if (!active) return;
    const timer = setInterval(() => setNow(Date.now()), 1000);
    return () => clearInterval(timer);
  }, [active]);
  return now;
}

export function useMedia(question: string): boolean {
  const [matches, setMatches] = useState(() => matchMedia(question).matches);
  useEffect(() => {
    const list = matchMedia(question);
    const hear = () => setMatches(list.matches);
    hear();
    list.addEventListener("change", hear);
    return () => list.removeEventListener("change", hear);
  }, [question]);
  return matches;
}
