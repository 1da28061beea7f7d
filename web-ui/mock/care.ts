import type { AuditRecord, Generation, Identity, KeyAtCentre, Role, User } from "../src/api/types";
import { type Answer, ok, refuse } from "./answers";
import { state } from "./box";
import { files } from "./design";

const ago = (seconds: number) => new Date(Date.now() - seconds * 1000).toISOString();
const day = 86_400;

const user = (name: string, role: Role, more: Partial<User> = {}): User => ({
  name,
  role,
  second_factor: false,
  must_change: false,
  password_age_days: 40,
  password_old: false,
  recovery_codes_left: 0,
  sessions: 0,
  ...more,
});

const users: User[] = [
  user("administrator", "administrator", { second_factor: true, recovery_codes_left: 8, sessions: 1 }),
  user("tanaka", "viewer", { locked_for_s: 60, password_age_days: 401, password_old: true }),
  user("kiko", "operator", { second_factor: true, recovery_codes_left: 8 }),
  user("hoshu", "engineer", { must_change: true, until: ago(-4 * 3600) }),
];

const password = "kumo-2491-tokei-hana";

const keys = {
  old: "MR/hnhpmpYCiKgk9ce+Ym1idjlQBiNJByL95+HJp90I=",
  coming: "AgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgI=",
};
const line = (key: string) =>
  `sekisho serial=b1946ac92492d2347c6235b4d2611184 organisation=011002 key=${key} version=0.9.0`;
let renewed: number | undefined;

/** A renewal takes a minute: the centres go over to it one after the other. */
function identity(): Identity {
  const seconds = renewed === undefined ? 0 : (Date.now() - renewed) / 1000;
  const key = seconds > 60 ? keys.coming : keys.old;
  const state = (late: number) =>
    seconds < 10 + late ? "unknown" : seconds < 25 + late ? "registered" : "in-use";
  const coming = {
    public_key: keys.coming,
    made_at: ago(seconds),
    centres: [
      { name: "east", state: state(0) },
      { name: "west", state: state(10) },
    ] as KeyAtCentre[],
    line: line(keys.coming),
  };
  return {
    serial: "b1946ac92492d2347c6235b4d2611184",
    public_key: key,
    organisation: "011002",
    version: "0.9.0",
    page_authority: "7f1e0c".padEnd(64, "0"),
    line: line(key),
    ...(renewed !== undefined && seconds <= 60 ? { coming } : {}),
  };
}

const generations: Generation[] = [
  {
    number: 12,
    author: {
      uid: 990,
      name: "sekisho-web",
      principal: { user: "administrator", role: "administrator", from: "192.168.1.30" },
    },
    at: ago(2 * day),
    reason: "窓口の端末を2台増やした",
    outcome: "committed",
    site_sha256: "aa",
    profile_sha256: "bb",
  },
  {
    number: 11,
    author: {
      uid: 990,
      name: "sekisho-web",
      principal: { user: "administrator", role: "administrator", from: "192.168.1.30" },
    },
    at: ago(2 * day + 600),
    reason: "窓口の端末を2台増やした",
    outcome: "rolled-back",
    site_sha256: "ab",
    profile_sha256: "bb",
  },
  {
    number: 10,
    author: { uid: 0, name: "root" },
    at: ago(40 * day),
    outcome: "committed",
    site_sha256: "ac",
    profile_sha256: "bb",
  },
];

const audit: AuditRecord[] = Array.from({ length: 30 }, (_, at) => ({
  seq: 130 - at,
  at: ago(at * 1900),
  user: at % 4 === 0 ? "tanaka" : "administrator",
  role: at % 4 === 0 ? "viewer" : "administrator",
  from: "192.168.1.50",
  what: ["POST /api/login", "POST /api/apply", "POST /api/self-test", "POST /api/users/tanaka"][at % 4] ?? "",
  result: at % 7 === 4 ? "refused" : "done",
  ...(at % 4 === 3 ? { before: { role: "viewer" }, after: { role: "administrator" } } : {}),
}));

const pem = `-----BEGIN CERTIFICATE-----
MIIBhDCCASqgAwIBAgIUdWnR2va1xh3aUzh6Jkv4N9PbUBgwCgYIKoZIzj0EAwIw
IDEeMBwGA1UEAwwVU2VraXNobyBsYWIgYXV0aG9yaXR5MB4XDTE1MDEwMTAwMDAw
-----END CERTIFICATE-----
`;

export const care: Record<string, Answer> = {
  "GET /users": () => ok({ users }),
  "POST /users": (_, given: User) => {
    users.push(user(given.name, given.role, { ...given, must_change: true }));
    return ok({ password });
  },
  "POST /users/*": (_, given: { unlock?: boolean; reset_password?: boolean }, name) => {
    const changed = users.find((one) => one.name === name);
    if (given.unlock) delete changed?.locked_for_s;
    return ok({ user: changed, ...(given.reset_password ? { password } : {}) });
  },
  "DELETE /users/*": (_, __, name) => {
    users.splice(
      users.findIndex((one) => one.name === name),
      1,
    );
    return ok();
  },
  "POST /second-factor/begin": () =>
    ok({
      secret: "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP",
      uri: "otpauth://totp/Sekisho:administrator?secret=JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP&issuer=Sekisho",
    }),
  "POST /second-factor/confirm": () =>
    ok({
      recovery_codes: [
        "4821-9043",
        "1180-2257",
        "7712-0094",
        "3390-8812",
        "5501-6627",
        "9934-1208",
        "2047-7731",
        "6618-5540",
      ],
    }),
  "POST /second-factor/remove": () =>
    refuse(401, {
      kind: "wrong",
      message: "wrong",
      both: { ja: "パスワードが違います。", en: "Wrong password." },
    }),
  "GET /audit": (url) => {
    const words = (url.searchParams.get("search") ?? "").toLowerCase();
    return ok({
      records: audit.filter((record) => JSON.stringify(record).toLowerCase().includes(words)),
      next: null,
    });
  },
  "GET /audit/verify": () => ok({ intact: true, records: 130 }),
  "GET /audit/export": () => ({
    status: 200,
    type: "application/x-ndjson",
    file: "sekisho-audit.jsonl",
    text: audit.map((record) => `${JSON.stringify(record)}\n`).join(""),
  }),
  "GET /generations": () => ok(generations),
  "GET /generations/*": (_, __, number) =>
    ok({ generation: generations.find((one) => String(one.number) === number), ...files }),
  "POST /apply": () => {
    const generation = state.generation + 1;
    state.awaiting = { generation, until: Date.now() + 300_000, elsewhere: false };
    return ok({
      generation,
      steps: 4,
      milliseconds: 210,
      ended_connections: 0,
      confirm_within_s: 300,
      warnings: [],
    });
  },
  "GET /identity": () => ok(identity()),
  "POST /identity/renew": () => {
    renewed = Date.now();
    return ok(identity());
  },
  "POST /identity/cancel-renewal": () => {
    const goneOver = identity().coming?.centres.find(({ state }) => state === "in-use");
    if (goneOver) {
      const both = {
        ja: `拠点 ${goneOver.name} は、もう新しい鍵で通信しています。`,
        en: `The centre ${goneOver.name} speaks by the new key already.`,
      };
      return refuse(409, { kind: "conflict", message: both.en, both });
    }
    renewed = undefined;
    return ok(identity());
  },
  "POST /backup": (_, given: { passphrase?: string }) =>
    ok({
      name: "sekisho-011002-20261126.age",
      capsule: btoa("age-encryption.org/v1"),
      ...(given.passphrase ? {} : { passphrase: "kashitsu-jokaki-kukeko-sashisu-sesota" }),
    }),
  "POST /backup/users": () => ok({ users: ["admin", "hana"], signed_out: false }),
  "POST /backup/open": (_, given: { passphrase: string }) =>
    given.passphrase === "wrong"
      ? refuse(422, {
          kind: "refused",
          message: "the passphrase is wrong",
          both: { ja: "合言葉が違います。", en: "The passphrase is wrong." },
        })
      : ok({
          ...files,
          made_at: ago(9 * day),
          organisation: "011002",
          serial: "b1946ac92492d2347c6235b4d2611184",
          public_key: "MR/hnhpmpYCiKgk9ce+Ym1idjlQBiNJByL95+HJp90I=",
          users: [
            { name: "admin", role: "administrator", second_factor: true },
            { name: "hana", role: "viewer", second_factor: false },
          ],
          version: "0.9.0",
        }),
  "POST /restart": () => ok({ generation: 12 }),
  "GET /key": () => ok({ public: "MR/hnhpmpYCiKgk9ce+Ym1idjlQBiNJByL95+HJp90I=" }),
  "GET /ca.pem": () => ({ status: 200, type: "application/x-pem-file", text: pem }),
};
