import type { RoomType } from "$lib/api";
import * as m from "$lib/paraglide/messages";

/** How a feature is set: on or off, a whole number, one of some words, a list of origins, a word or a list of heights, or a text. */
export type FeatureKind = "flag" | "number" | "choice" | "origins" | "heights" | "text";

/** One feature as the API knows it and as these pages call it. */
export interface Feature {
  name: string;
  types: readonly RoomType[];
  kind: FeatureKind;
  /** What it is when nobody set it. */
  standard: unknown;
  /** What it counts as while its part of the server has not come. */
  off: unknown;
  /** Its part of the server has not come yet: it is kept and does nothing. */
  later?: true;
  label: () => string;
  hint?: () => string;
  max?: number;
  choices?: readonly string[];
}

const all: readonly RoomType[] = ["meet", "live", "simulcast", "video"];
const broadcasts: readonly RoomType[] = ["live", "simulcast"];

const flag = (name: string, types: readonly RoomType[], standard: boolean, label: () => string, more: Pick<Feature, "later" | "hint"> = {}): Feature => ({
  name, types, kind: "flag", standard, off: false, label, ...more,
});

/** Every feature, in the order it is shown. When the server begins to do what a feature promises, its `later` goes. */
export const features: readonly Feature[] = [
  flag("chat", all, true, m.admin_feature_chat),
  flag("participants_chat", ["meet"], true, m.admin_feature_participants_chat),
  flag("participants_audio", ["meet"], true, m.admin_feature_participants_audio),
  flag("participants_video", ["meet"], true, m.admin_feature_participants_video),
  flag("participants_screen", ["meet"], true, m.admin_feature_participants_screen),
  flag("mute_on_join", ["meet"], false, m.admin_feature_mute_on_join),
  flag("preview_before_live", broadcasts, false, m.admin_feature_preview, { hint: m.admin_feature_preview_hint }),
  flag("low_latency", ["live"], true, m.admin_feature_low_latency),
  { name: "reconnect_window_seconds", types: broadcasts, kind: "number", standard: 60, off: 0, max: 600, label: m.admin_feature_reconnect, hint: m.admin_feature_reconnect_hint },
  flag("public", all, false, m.admin_feature_public, { hint: m.admin_feature_public_hint }),
  { name: "embed_origins", types: all, kind: "origins", standard: [], off: [], label: m.admin_feature_embed, hint: m.admin_feature_embed_hint },
  flag("waiting_room", ["meet"], false, m.admin_feature_waiting_room, { later: true }),
  flag("recording", ["meet"], false, m.admin_feature_recording, { later: true }),
  flag("recording", broadcasts, false, m.admin_feature_recording),
  flag("e2ee", ["meet"], false, m.admin_feature_e2ee, { later: true }),
  { name: "video_codec", types: ["meet"], kind: "choice", standard: "vp8", off: "vp8", later: true, choices: ["vp8", "h264", "vp9", "av1"], label: m.admin_feature_codec },
  flag("webrtc_playback", ["live"], true, m.admin_feature_webrtc, { later: true }),
  { name: "dvr_window_seconds", types: ["live"], kind: "number", standard: 7200, off: 0, max: 43_200, label: m.admin_feature_dvr, hint: m.admin_feature_dvr_hint },
  { name: "slow_mode_seconds", types: ["live"], kind: "number", standard: 0, off: 0, max: 3600, label: m.admin_feature_slow_mode, hint: m.admin_feature_slow_mode_hint },
  { name: "offline_image", types: broadcasts, kind: "text", standard: null, off: null, label: m.admin_feature_offline_image, hint: m.admin_feature_offline_image_hint },
  flag("download", ["video"], false, m.admin_feature_download, { later: true }),
  { name: "transcode", types: ["live"], kind: "heights", standard: "off", off: "off", label: m.admin_feature_transcode, hint: m.admin_feature_transcode_hint },
  { name: "transcode", types: ["video"], kind: "text", standard: "auto", off: "off", later: true, label: m.admin_feature_transcode },
];

/** The features that rooms of a type have. */
export function featuresOf(type: RoomType): readonly Feature[] {
  return features.filter((feature) => feature.types.includes(type));
}

/** What was asked for: the stored value, or what holds when nothing is stored. */
export function wanted(feature: Feature, stored: Readonly<Record<string, unknown>>): unknown {
  const value = Object.hasOwn(stored, feature.name) ? stored[feature.name] : undefined;
  return value ?? feature.standard;
}

/**
 * Whether a feature does nothing yet. The server tells it where it can: a value that is wanted and runs has come. Where wanted and off are the
 * same, only the table above knows.
 */
export function comesLater(feature: Feature, stored: Readonly<Record<string, unknown>>, running: Readonly<Record<string, unknown>>): boolean {
  const want = JSON.stringify(wanted(feature, stored));
  if (want === JSON.stringify(feature.off)) return feature.later === true;
  return JSON.stringify(running[feature.name] ?? null) !== want;
}

/** What the form holds for a feature: a boolean for a flag, text for everything else (origins one a line). */
export function fieldOf(feature: Feature, stored: Readonly<Record<string, unknown>>): string | boolean {
  const value = wanted(feature, stored);
  if (feature.kind === "flag") return value === true;
  if (Array.isArray(value)) return value.map(String).join(feature.kind === "origins" ? "\n" : ", ");
  return value === null || value === undefined ? "" : String(value);
}

/** The merge patch for what was changed in the form. */
export function featuresPatch(type: RoomType, stored: Readonly<Record<string, unknown>>, fields: Readonly<Record<string, string | boolean>>): Record<string, unknown> {
  const patch: Record<string, unknown> = {};
  for (const feature of featuresOf(type)) {
    const field = fields[feature.name];
    if (field === undefined || field === fieldOf(feature, stored)) continue;
    patch[feature.name] = valueOf(feature, field);
  }
  return patch;
}

function valueOf(feature: Feature, field: string | boolean): unknown {
  if (typeof field === "boolean") return field;
  const text = field.trim();
  switch (feature.kind) {
    case "number":
      // What is no number goes to the server as it is: its answer says what is right.
      return text === "" ? null : /^\d{1,15}$/.test(text) ? Number(text) : text;
    case "origins":
      return text.split(/[\s,]+/).filter((origin) => origin !== "");
    case "heights":
      return text === "" ? null : /^[\d\s,]+$/.test(text) ? text.split(/[\s,]+/).filter((height) => height !== "").map(Number) : text.toLowerCase();
    case "flag":
    case "choice":
    case "text":
      return text === "" ? null : text;
  }
}
