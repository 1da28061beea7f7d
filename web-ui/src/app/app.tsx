import { useEffect } from "preact/hooks";
import { Loading } from "../ui/parts";
import { language } from "./language";
import { startLive, stopLive } from "./live";
import { LoginAgain, LoginPage, MustChangePage } from "./login";
import { session } from "./session";
import { Shell } from "./shell";
import { useStore } from "./store";

export function App() {
  const state = useStore(session);
  const now = useStore(language);
  const within = state.name === "in" && !state.session.must_change;
  useEffect(() => {
    document.documentElement.lang = now;
  }, [now]);
  useEffect(() => {
    if (within) startLive();
    else if (state.name === "out") stopLive();
  }, [within, state.name]);
  if (state.name === "unknown") return <Loading />;
  if (state.name === "out") return <LoginPage />;
  if (state.session.must_change) return <MustChangePage />;
  return (
    <>
      <Shell session={state.session} />
      {state.name === "expired" && <LoginAgain session={state.session} />}
    </>
  );
}
