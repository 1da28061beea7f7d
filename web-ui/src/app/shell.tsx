import type { ComponentType } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import type { Session } from "../api/types";
import { type PageName, type PageProps, pages } from "../pages";
import { Icon } from "../ui/icon";
import { Notice } from "../ui/notice";
import { Button, Loading, PageHead } from "../ui/parts";
import { useAction, useMedia } from "../ui/use";
import { Banners } from "./banners";
import { language, setLanguage, useText } from "./language";
import { live } from "./live";
import { Gate } from "./login";
import { parseRoute, type Route } from "./routes";
import { logOut } from "./session";
import { useStore } from "./store";
import { setTheme, type Theme, theme } from "./theme";

/** Where the page is, as the address says. */
function useRoute(): Route {
  const [hash, setHash] = useState(location.hash);
  useEffect(() => {
    const hear = () => setHash(location.hash);
    addEventListener("hashchange", hear);
    return () => removeEventListener("hashchange", hear);
  }, []);
  return parseRoute(hash);
}

export function Shell({ session }: { session: Session }) {
  const t = useText();
  const route = useRoute();
  const [open, setOpen] = useState(false);
  const narrow = useMedia("(max-width: 56rem)");
  const site = useStore(live).status?.site?.name;
  useEffect(() => setOpen(false), [route.page]);
  const skip = () => document.querySelector<HTMLElement>("main h1")?.focus();
  return (
    <div class="shell">
      <button type="button" class="skip button" onClick={skip}>
        {t.skip}
      </button>
      <header class="top no-print">
        {narrow && (
          <button
            type="button"
            class="icon-button"
            aria-expanded={open}
            aria-controls="nav"
            aria-label={t.menu}
            onClick={() => setOpen(!open)}
          >
            <Icon name={open ? "close" : "menu"} />
          </button>
        )}
        <a class="brand" href="#/status">
          <Gate />
          <span>{t.product}</span>
        </a>
        {site && <span class="site-name">{site}</span>}
        {session.development && (
          <span class="development" title={t.developmentLong}>
            {t.development}
          </span>
        )}
        <div class="top-end">
          {!narrow && <Preferences />}
          <UserMenu session={session} withPreferences={narrow} />
        </div>
      </header>
      <nav id="nav" class="nav no-print" aria-label={t.menu} hidden={narrow && !open}>
        <ul>
          {(Object.keys(pages) as PageName[]).map((name) => (
            <li key={name}>
              <a
                href={`#/${name}`}
                aria-current={route.page === name ? "page" : undefined}
                onClick={() => setOpen(false)}
              >
                <Icon name={name} />
                {t.pages[name]}
              </a>
            </li>
          ))}
        </ul>
      </nav>
      <main id="content">
        <Banners />
        <Page route={route} session={session} />
      </main>
    </div>
  );
}

/** The page of the route, loaded when it is opened first. */
function Page({ route, session }: { route: Route; session: Session }) {
  const t = useText();
  const [loaded, setLoaded] = useState<{ name: string; View: ComponentType<PageProps> } | null>(null);
  const [failed, setFailed] = useState(false);
  const [round, setRound] = useState(0);
  const load = pages[route.page as PageName];
  const wanted = useRef(route.page);
  wanted.current = route.page;
  useEffect(() => {
    if (!load) return;
    setFailed(false);
    const name = route.page;
    load().then(
      (module) => wanted.current === name && setLoaded({ name, View: module.default }),
      () => wanted.current === name && setFailed(true),
    );
  }, [load, round]);
  if (!load) {
    return (
      <>
        <PageHead title={t.notFound.title} />
        <p>{t.notFound.text}</p>
      </>
    );
  }
  if (failed) {
    const actions = <Button onClick={() => setRound(round + 1)}>{t.again}</Button>;
    return <Notice tone="bad" title={t.loadFailed} actions={actions} />;
  }
  if (loaded?.name !== route.page) return <Loading />;
  return <loaded.View key={route.page} route={route} session={session} />;
}

function Preferences() {
  const t = useText();
  const now = useStore(language);
  const wish = useStore(theme);
  const options: [Theme, string][] = [
    ["auto", t.theme.auto],
    ["light", t.theme.light],
    ["dark", t.theme.dark],
  ];
  return (
    <div class="preferences">
      <select
        aria-label={t.theme.label}
        value={wish}
        onChange={(event) => setTheme(event.currentTarget.value as Theme)}
      >
        {options.map(([value, text]) => (
          <option key={value} value={value}>
            {text}
          </option>
        ))}
      </select>
      <select
        aria-label={`${t.language} Language`}
        value={now}
        onChange={(event) => setLanguage(event.currentTarget.value === "en" ? "en" : "ja")}
      >
        <option value="ja" lang="ja">
          日本語
        </option>
        <option value="en" lang="en">
          English
        </option>
      </select>
    </div>
  );
}

function UserMenu({ session, withPreferences }: { session: Session; withPreferences: boolean }) {
  const t = useText();
  const menu = useRef<HTMLDetailsElement>(null);
  const out = useAction(logOut);
  useEffect(() => {
    const shut = (event: Event) => {
      if (menu.current?.open && !menu.current.contains(event.target as Node)) menu.current.open = false;
    };
    const onMove = () => {
      if (menu.current) menu.current.open = false;
    };
    const onKey = (event: KeyboardEvent) => {
      if (event.key !== "Escape" || !menu.current?.open) return;
      menu.current.open = false;
      menu.current.querySelector("summary")?.focus();
    };
    document.addEventListener("click", shut);
    document.addEventListener("keydown", onKey);
    addEventListener("hashchange", onMove);
    return () => {
      removeEventListener("hashchange", onMove);
      document.removeEventListener("click", shut);
      document.removeEventListener("keydown", onKey);
    };
  }, []);
  return (
    <details class="user-menu" ref={menu}>
      <summary>
        <Icon name="user" />
        <span class="user-name">{session.user}</span>
      </summary>
      <div class="menu">
        <p class="quiet">
          {session.user} - {t.roles[session.role]}
        </p>
        {withPreferences && <Preferences />}
        <a href="#/care/account">{t.password.title}</a>
        <Button busy={out.busy} onClick={() => out.run()}>
          {t.logOut}
        </Button>
      </div>
    </details>
  );
}
