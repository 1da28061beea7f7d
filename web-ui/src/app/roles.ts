import type { Role } from "../api/types";

/** What not every role may do. The server decides; this only keeps the page from offering what it would refuse. */
export type Right =
  | "apply"
  | "apply-profile"
  | "audit"
  | "backup"
  | "draft"
  | "import"
  | "inspect-backup"
  | "renew-key"
  | "restart"
  | "self-test"
  | "update"
  | "users";

const rights: Record<Right, readonly Role[]> = {
  apply: ["administrator", "operator", "engineer"],
  "apply-profile": ["operator", "engineer"],
  audit: ["administrator", "operator"],
  backup: ["administrator"],
  draft: ["administrator", "operator", "engineer"],
  import: ["administrator", "engineer"],
  "inspect-backup": ["administrator", "engineer"],
  "renew-key": ["administrator"],
  restart: ["administrator"],
  "self-test": ["administrator", "operator", "engineer"],
  update: ["administrator", "engineer"],
  users: ["administrator"],
};

export function may(role: Role | undefined, right: Right): boolean {
  return role !== undefined && rights[right].includes(role);
}
