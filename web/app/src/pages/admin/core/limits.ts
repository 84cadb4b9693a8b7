import { Problem } from "$lib/api";
import type { SubscriptionLimits } from "$lib/api/schema.gen";
import * as m from "$lib/paraglide/messages";
import { bitrate, count, size, span } from "$lib/format";

/** A limit's name, as the API calls it. */
export type LimitName = keyof SubscriptionLimits;

interface LimitLook {
  name: LimitName;
  label: () => string;
  /** What its number counts, for the field. */
  hint: () => string;
  /** The number in words. */
  words: (value: number) => string;
}

/** The limits of a room, in the order they are shown. */
export const roomLimits: readonly LimitLook[] = [
  { name: "max_participants", label: m.admin_limit_participants, hint: m.admin_limit_participants_hint, words: count },
  { name: "max_publishers", label: m.admin_limit_publishers, hint: m.admin_limit_publishers_hint, words: count },
  { name: "max_duration_seconds", label: m.admin_limit_duration, hint: m.admin_limit_duration_hint, words: span },
  { name: "max_bitrate_bps", label: m.admin_limit_bitrate, hint: m.admin_limit_bitrate_hint, words: bitrate },
  { name: "max_height", label: m.admin_limit_height, hint: m.admin_limit_height_hint, words: (value) => m.admin_pixels({ value: count(value) }) },
  { name: "max_storage_bytes", label: m.admin_limit_storage, hint: m.admin_limit_storage_hint, words: size },
  { name: "max_destinations", label: m.admin_limit_destinations, hint: m.admin_limit_destinations_hint, words: count },
];

/** The limits of a subscription: those of each of its rooms, and those of all together. */
export const subscriptionLimits: readonly LimitLook[] = [
  { name: "max_rooms", label: m.admin_limit_rooms, hint: m.admin_limit_rooms_hint, words: count },
  { name: "max_concurrent_participants", label: m.admin_limit_concurrent, hint: m.admin_limit_concurrent_hint, words: count },
  ...roomLimits,
];

/** What the limits' fields hold: digits, or "" for none. */
export type LimitFields = Partial<Record<LimitName, string>>;

/** The fields for limits that were read. */
export function limitFields(limits: SubscriptionLimits): LimitFields {
  return Object.fromEntries(Object.entries(limits).filter(([, value]) => value !== null && value !== undefined).map(([name, value]) => [name, String(value)]));
}

/** The merge patch that the fields ask for: only what changed, null for a limit that is gone. Throws a Problem that points at what is no number. */
export function limitsPatch(before: SubscriptionLimits, fields: LimitFields): Record<string, number | null> {
  const patch: Record<string, number | null> = {};
  const errors: { pointer: string; code: string; detail: string }[] = [];
  for (const [name, typed] of Object.entries(fields)) {
    const text = typed.trim();
    const value = text === "" ? null : Number(text);
    if (value !== null && (!/^\d+$/.test(text) || !Number.isSafeInteger(value))) {
      errors.push({ pointer: `/limits/${name}`, code: "validation_failed", detail: m.admin_limit_not_whole() });
    } else if (value !== (before[name as LimitName] ?? null)) {
      patch[name] = value;
    }
  }
  if (errors.length > 0) throw new Problem({ code: "validation_failed", status: 422, errors });
  return patch;
}

/** The JSON pointers of the limits' fields. */
export function limitPointers(looks: readonly LimitLook[]): string[] {
  return looks.map((look) => `/limits/${look.name}`);
}
