import type { DoorRef } from "$lib/api";

/** Reads which room a page's address names: `/join/{token}`, `/rooms/{id}` or `/embed/{id}`; null if it names none. */
export function doorRefOf(pathname: string): DoorRef | null {
  const [kind, value, ...rest] = pathname.split("/").filter((part) => part !== "");
  if (value === undefined || rest.length > 0) return null;
  let name;
  try {
    name = decodeURIComponent(value);
  } catch {
    return null;
  }
  if (kind === "join") return { token: name };
  if (kind === "rooms" || kind === "embed") return { room_id: name };
  return null;
}
