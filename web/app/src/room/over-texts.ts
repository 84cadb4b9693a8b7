import * as m from "$lib/paraglide/messages";

/** What to say when a participation is over, and what may be done then. */
export interface OverText {
  title: string;
  text: string;
  tone: "neutral" | "warn" | "danger";
  /** `again`: through the door, `here`: with the same session, `none`: nothing. */
  way: "again" | "here" | "none";
}

const texts: Record<string, () => OverText> = {
  left: () => ({ title: m.room_over_left(), text: m.room_over_left_text(), tone: "neutral", way: "again" }),
  ended: () => ({ title: m.room_over_ended(), text: m.room_over_ended_text(), tone: "neutral", way: "again" }),
  max_duration: () => ({ title: m.room_over_max_duration(), text: m.room_over_max_duration_text(), tone: "neutral", way: "again" }),
  banned: () => ({ title: m.room_over_banned(), text: m.room_over_banned_text(), tone: "danger", way: "none" }),
  room_deleted: () => ({ title: m.room_over_room_deleted(), text: m.room_over_room_deleted_text(), tone: "neutral", way: "none" }),
  not_found: () => ({ title: m.room_over_room_deleted(), text: m.room_over_room_deleted_text(), tone: "neutral", way: "none" }),
  room_suspended: () => ({ title: m.room_over_room_suspended(), text: m.room_over_room_suspended_text(), tone: "warn", way: "again" }),
  session_invalid: () => ({ title: m.room_over_session_invalid(), text: m.room_over_session_invalid_text(), tone: "warn", way: "again" }),
  session_expired: () => ({ title: m.room_over_session_invalid(), text: m.room_over_session_invalid_text(), tone: "warn", way: "again" }),
  replaced: () => ({ title: m.room_over_replaced(), text: m.room_over_replaced_text(), tone: "neutral", way: "here" }),
  room_full: () => ({ title: m.room_over_room_full(), text: m.room_over_room_full_text(), tone: "warn", way: "here" }),
  room_locked: () => ({ title: m.room_over_room_locked(), text: m.room_over_room_locked_text(), tone: "warn", way: "here" }),
};

/** The words for the code that a participation ended with. */
export function overText(code: string): OverText {
  return (texts[code] ?? (() => ({ title: m.room_over_unexpected(), text: m.room_over_unexpected_text(), tone: "warn" as const, way: "here" as const })))();
}
