/** The API's types, under the names that they have in Rust (`sekisho-control`, `sekisho-plan`, `sekisho-design`). */

export type Both = { ja: string; en: string };
export type Lan = "head-office" | "education-board";
export type Side = Lan | "platform" | "lgwan" | "maintenance";
export type Class = "online" | "normal" | "bulk";
export type Environment = "production" | "test";
export type Placement = "office" | "partly-data-centre" | "data-centre" | "terminals-only";
/** `tcp/443`, `udp/53`, `icmp-echo`. */
export type Opening = string;
/** RFC 3339. */
export type Timestamp = string;

// The page's own -------------------------------------------------------------------------------------------------

export type Role = "operator" | "administrator" | "viewer" | "engineer";

export type Session = {
  user: string;
  role: Role;
  csrf: string;
  must_change: boolean;
  second_factor: boolean;
  expires_in_s: number;
  development: boolean;
};

export type User = {
  name: string;
  role: Role;
  until?: Timestamp;
  must_change: boolean;
  second_factor: boolean;
  password_age_days: number;
  /** Whether the password is older than it should be. */
  password_old: boolean;
  /** Seconds until a locked user may try again; none where nobody is locked out. */
  locked_for_s?: number;
  /** Open sessions. */
  sessions: number;
};

export type AuditRecord = {
  seq: number;
  at: Timestamp;
  user?: string;
  role?: Role;
  from?: string;
  what: string;
  result: "begun" | "done" | "refused" | "failed";
  about?: string;
  before?: unknown;
  after?: unknown;
};

export type AuditPage = { records: AuditRecord[]; next: number | null };
export type AuditVerdict = { intact: boolean; records: number; first_broken?: number };

export type LiveTraffic = { at: Timestamp; up_bps: number; down_bps: number };
export type HistoryPoint = { at: Timestamp; up_bps: number; down_bps: number; refused: number };
export type History = { step_s: number; points: HistoryPoint[] };

export type Identity = {
  serial: string;
  public_key: string;
  organisation?: string;
  version: string;
  page_authority?: string;
  line: string;
};

export type Capsule = { name: string; capsule: string };
export type CapsulePreview = {
  site: string;
  profile: string;
  made_at: Timestamp;
  organisation: string;
  schema: number;
  with_key: boolean;
  version: string;
  users?: string;
};

// Failures -------------------------------------------------------------------------------------------------------

/** A backup: a file in the age format, and its passphrase where the box made it. */
export type Backup = { name: string; capsule: string; passphrase?: string };
export type OpenedBackup = {
  made_at: Timestamp;
  version: string;
  serial: string;
  organisation: string;
  site: string;
  profile: string;
  public_key?: string;
};

export type FailureKind =
  | "refused"
  | "malformed"
  | "conflict"
  | "changed"
  | "unproven"
  | "rolled-back"
  | "rollback-failed"
  | "device"
  | "forbidden"
  | "no-session"
  | "wrong"
  | "code-needed"
  | "locked"
  | "daemon-away"
  | "unreachable";

export type Failure = {
  kind: FailureKind;
  message: string;
  way_out?: string;
  problems?: Report[];
  both?: Both;
  retry_after_s?: number;
};

export type Report = {
  code: string;
  severity: "error" | "warning";
  file: string;
  line: number;
  column: number;
  path: string;
  sentence: Both;
  mend: Both;
};

// Designs and changes --------------------------------------------------------------------------------------------

export type File = { name: string; text: string };
export type Proposal = { site: File; profile?: File };
export type Difference = { path: string; sentence: Both };
export type PlannedStep = { step: unknown; sentence: Both };
export type Plan = { changes: Difference[] | null; steps: PlannedStep[]; warnings: Report[] };
export type Apply = { proposal: Proposal; seen: number; confirm_within_s?: number; reason?: string };
export type Proof = { token: string; at: string };
export type Applied = {
  generation: number;
  steps: number;
  milliseconds: number;
  ended_connections: number;
  confirm_within_s?: number;
  carry?: Proof;
  /** Six digits, to be typed at the new address where the link can't be followed. */
  code?: string;
  warnings: Report[];
};
export type Settled = { generation: number };
export type Awaiting = {
  generation: number;
  seconds_left: number;
  proof?: { at: string; tries_left: number };
};
export type Returned = { generation: number; why: string; at: Timestamp };
export type Principal = { user: string; role: Role; from: string };
export type Author = { uid: number; name?: string; principal?: Principal };
export type Generation = {
  number: number;
  author: Author;
  at: Timestamp;
  reason?: string;
  outcome: "pending" | "committed" | "rolled-back";
  site_sha256: string;
  profile_sha256: string;
};
export type Stored = { generation: Generation; site: string; profile: string };

// Status ---------------------------------------------------------------------------------------------------------

export type ProfileStamp = { serial: number; issued: Timestamp };
export type SiteSummary = {
  name: string;
  organisation: string;
  placement: Placement;
  profile: ProfileStamp;
  servers: number;
  terminals: number;
};
export type Phase =
  | { name: "closed" }
  | { name: "in-force" }
  | { name: "faulty"; fault: Failure }
  | { name: "rollback-failed"; fault: Failure };
export type CentreStatus = {
  name: string;
  host?: string;
  endpoint: string | null;
  alive: boolean;
  round_trip_us: number | null;
  handshake_age_s: number | null;
  rival_age_s?: number;
  received: number;
  sent: number;
  rejected: number;
};
export type TunnelStatus = { carrier: string | null; cut_off: boolean; centres: CentreStatus[] };
export type ClassStatus = {
  class: Class;
  guaranteed: number;
  most: number;
  sent: number;
  dropped: number;
  waiting: number;
};
export type WayStatus = { link: string; lan: Lan | null; classes: ClassStatus[] };
export type LineStatus = { rate: number; held_back: boolean; held_back_left_s?: number; ways: WayStatus[] };
export type Shortage = { of: unknown; used: number; most: number; sentence: Both; way_out: Both };
export type Refused = { packets: number; bytes: number };
export type RefusedPacket = {
  at: Timestamp;
  side: Side;
  rule: string;
  row: string | null;
  source: string;
  translated_source: string;
  destination: string;
  translated_destination: string;
  protocol: number;
  source_port: number | null;
  port: number | null;
  icmp_type: number | null;
};
export type FlowLogStatus = {
  days: number;
  size: number;
  used: number;
  written: number;
  lost: number;
  overruns: number;
  fault?: Failure;
};
export type CollectorStatus = {
  address: string;
  transport: string;
  connected: boolean;
  sent: number;
  waiting: number;
  lost: number;
  fault?: Failure;
};
export type TimeServer = { host: string; addresses: string[] };
export type TimeStatus = {
  synchronised: boolean;
  ever: boolean;
  for_s: number;
  error_us?: number;
  servers: TimeServer[];
  sentence: Both;
  way_out?: Both;
  fault?: Failure;
};
export type Sensed = "data" | "temperature" | "memory" | "room" | "wear" | "disk";
export type Reading = {
  of: Sensed;
  name: string;
  value?: number;
  limit?: number;
  alarm: boolean;
  sentence: Both;
  way_out?: Both;
};
export type Release = { version: string; kind: "development" | "release"; built?: Timestamp };
export type Status = {
  version: string;
  phase: Phase;
  generation: number;
  awaiting?: Awaiting;
  returned?: Returned;
  storage?: Failure;
  site: SiteSummary | null;
  tunnel: TunnelStatus | null;
  line?: LineStatus;
  shortages?: Shortage[];
  fault?: Failure;
  refused: Record<string, Refused>;
  last_refusals: RefusedPacket[];
  flow_log?: FlowLogStatus;
  collector?: CollectorStatus;
  time?: TimeStatus;
  health?: Reading[];
  release?: Release;
};

// Traces and refusals --------------------------------------------------------------------------------------------

export type Packet = { side?: Side; from: string; to: string; opening: Opening };
export type Question = { side: Side; from: string; to: string; opening: Opening };
export type Row = { server: string } | { terminals: string };
export type Reason =
  | "lans-apart"
  | "one-way"
  | "same-lan"
  | "not-the-platform"
  | "not-from-the-platform"
  | "not-in-the-pool"
  | "limit"
  | { "other-environment": string }
  | "device"
  | "source"
  | "service"
  | "no-centre";
export type Change =
  | { service: { row: Row; opening: Opening } }
  | {
      terminals: {
        lan: Lan;
        from: string;
        global: string | null;
        environment: Environment;
        opening: Opening;
      };
    }
  | { allowance: { server: string; from: string; opening: Opening } }
  | { server: { global: string; from: string; opening: Opening } }
  | { route: { lan: Lan; to: string } }
  | { nothing: Reason };
export type Advice = { change: Change; sentence: Both; toml: string | null };
export type RefusedFlow = {
  count: number;
  first: Timestamp;
  packet: RefusedPacket;
  why: Both;
  advice: Advice | null;
};
export type RefusedFlows = { flows: RefusedFlow[]; kept: number; lost: number };
export type Told = "nothing" | "prohibited" | "host-unreachable" | "net-unreachable";
export type Effect =
  | "untracked"
  | "helped"
  | "counted-for"
  | "codepoint"
  | "counted"
  | "logged"
  | "goto"
  | "accepted"
  | { mark: number }
  | { zone: number }
  | { "largest-segment": number }
  | { account: number }
  | { class: Class }
  | { destination: string }
  | { source: string }
  | { refused: Told };
export type RuleOutcome = { "passed-over": string } | { applied: Effect[] };
export type RouteAction =
  | { forward: { link: string; via: string | null; source: string | null } }
  | "unreachable";
export type Route = { table: number; to: string; metric: number; action: RouteAction };
export type Found = "device" | "nowhere" | { route: Route };
export type Step =
  | { step: "rule"; chain: string; base: string; rule: string; outcome: RuleOutcome }
  | { step: "policy"; chain: string; accepted: boolean }
  | { step: "connection"; zone: number; known: boolean }
  | { step: "restored"; source: string; destination: string }
  | { step: "forged-source"; source: string }
  | { step: "link-down"; link: string }
  | { step: "not-forwarding" }
  | { step: "route"; mark: number; to: string; found: Found };
export type Outcome =
  | { result: "delivered"; side: Side; via: string | null; source: string; destination: string }
  | { result: "device" }
  | { result: "refused"; rule: string | null; told: Told };
export type Admitted = { row: string; policy: string | null; environment: Environment; class: Class };
export type Back = { steps: Step[]; outcome: Outcome; arrives: boolean };
export type Trace = {
  question: Question;
  there: Step[];
  outcome: Outcome;
  counted: string[];
  admitted: Admitted | null;
  back: Back | null;
  advice: Advice | null;
};
export type Held = { trace: Trace } | { unknown: string };
export type Live = {
  kernel: Held;
  design: Trace;
  parting: { kernel: Step | null; design: Step | null } | null;
  deviations: unknown[];
};
export type LiveTrace = { trace: Live; tunnel: TunnelStatus | null };

// Names ----------------------------------------------------------------------------------------------------------

export type Method = "device" | "forward" | "hosts";
export type UpstreamStatus = {
  address: string;
  answers: boolean | null;
  failures: number;
  round_trip_us: number | null;
};
export type ZoneStatus = {
  zone: string;
  of: "platform" | "lgwan" | "office";
  lan?: Lan;
  upstreams: UpstreamStatus[];
};
export type CacheStatus = { entries: number; bytes: number; hits: number; misses: number; stale: number };
export type HostStatus = { name: string; addresses: string[]; fault?: string };
export type NamesStatus = {
  method: Method | null;
  fault?: Failure;
  listening: Lan[];
  zones: ZoneStatus[];
  cache: CacheStatus;
  counts: Record<string, number>;
  hosts: HostStatus[];
};
export type NameQuery = { name: string; type: string; lan?: Lan };
export type NameAnswer = {
  rule: string;
  from: string;
  code: string;
  records: string[];
  addresses: string[];
  microseconds: number;
};
export type ZoneData = { names: Record<string, string[]> };

// Traffic and flows ----------------------------------------------------------------------------------------------

export type Tally = { packets: number; bytes: number };
export type RowKind = "server" | "terminals" | "policy";
export type RowTraffic = {
  kind: RowKind;
  name: string;
  lan?: Lan;
  environment?: Environment;
  class?: Class;
  until?: Timestamp;
  up: Tally;
  down: Tally;
  opened: number;
  refused?: Tally;
};
export type HostTraffic = {
  lan: Lan;
  address: string;
  row: string | null;
  up: Tally;
  down: Tally;
  refused: Tally;
};
export type NaptUse = {
  global: string;
  rows: string[];
  first_port: number;
  last_port: number;
  ports: { tcp: number; udp: number };
  refused: Tally;
};
export type ConnectionTable = { count: number; most: number; fullness: "roomy" | "near" | "full" };
export type Traffic = {
  rows: RowTraffic[];
  hosts: HostTraffic[];
  hosts_left_out: number;
  napt: NaptUse[];
  connections: ConnectionTable | null;
};
export type FlowEnd = { address: string; port?: number };
export type FlowRecord = {
  began: Timestamp | null;
  ended: Timestamp;
  lan: Lan;
  opened_by: "office" | "platform";
  protocol: number;
  inside: FlowEnd;
  global: FlowEnd;
  platform: FlowEnd;
  out: Tally | null;
  in: Tally | null;
};
export type FlowPage = { flows: FlowRecord[]; next: string | null };

// Self-test ------------------------------------------------------------------------------------------------------

export type Stage = "standalone" | "office" | "lgwan" | "tunnel" | "platform" | "dial-back" | "load";
export type Verdict = "passed" | "not-run" | "warned" | "failed";
export type SelfTestWish = {
  stages?: Stage[];
  only?: string[];
  disturb?: boolean;
  "test-number"?: string;
};
export type Planned = {
  id: string;
  stage: Stage;
  title: Both;
  tried: Both;
  requirements: string[];
  needs: string[];
};
export type Cause = { code: string; why: Both; "told-by": Both; "next-step": Both };
export type CheckOutcome = Planned & {
  verdict: Verdict;
  result: Both;
  measured?: string;
  limit?: string;
  cause?: Cause;
  milliseconds: number;
};
export type FirstCause = Cause & { check: string; title: Both };
/** Fields of an event are in Rust's own letters; `rename_all` of a tagged enum is about its variants. */
export type SelfTestEvent =
  | { event: "begun"; checks: Planned[]; seconds_left: number }
  | { event: "started"; id: string }
  | { event: "ended"; outcome: CheckOutcome; seconds_left: number }
  | { event: "finished"; report: SelfTestReport };
export type FarCall = {
  to: string;
  declared: boolean;
  outcome: "connected" | "refused" | "timed-out" | "unreachable";
  milliseconds: number;
};
export type FarHalf = { "test-number": string; at: Timestamp; from: string; calls: FarCall[] };
export type SelfTestReport = {
  "test-number"?: string;
  begun: Timestamp;
  ended: Timestamp;
  "clock-synchronised": boolean;
  site?: SiteSummary;
  generation: number;
  "design-hash"?: string;
  firmware: string;
  outcomes: CheckOutcome[];
  verdict: Verdict;
  "first-cause"?: FirstCause;
  "far-half"?: FarHalf;
};
export type Level = "ok" | "degraded" | "down";
export type HealthChange = { at: Timestamp; level: Level; cause?: string };
export type Health = {
  level: Level;
  at: Timestamp;
  "first-cause"?: FirstCause;
  troubles: CheckOutcome[];
  history: HealthChange[];
};
