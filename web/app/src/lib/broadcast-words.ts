import type { Broadcast } from "$lib/api/schema.gen";
import * as m from "$lib/paraglide/messages";
import { clock } from "$lib/format";

/** What a broadcast is doing, in words a presenter understands. */
export interface BroadcastWords {
  headline: string;
  sentence: string;
  tone: "neutral" | "live" | "warn" | "ok";
}

/** Says a broadcast's state. */
export function broadcastWords(cast: Broadcast): BroadcastWords {
  switch (cast.state) {
    case "waiting":
      return { headline: m.admin_cast_waiting(), sentence: m.admin_cast_waiting_text(), tone: "neutral" };
    case "preview":
      return { headline: m.admin_cast_preview(), sentence: m.admin_cast_preview_text(), tone: "ok" };
    case "live":
      return { headline: m.admin_cast_live(), sentence: cast.started_at ? m.admin_cast_live_since({ time: clock(cast.started_at) }) : m.admin_cast_live_text(), tone: "live" };
    case "interrupted":
      return { headline: m.admin_cast_interrupted(), sentence: cast.interrupted_at ? m.admin_cast_interrupted_since({ time: clock(cast.interrupted_at) }) : m.admin_cast_interrupted_text(), tone: "warn" };
    case "ended":
      return { headline: m.admin_cast_ended(), sentence: m.admin_cast_ended_text(), tone: "neutral" };
  }
}

/** The usual names of codecs that are told as RFC 6381 strings. */
const codecNames: readonly (readonly [RegExp, string])[] = [
  [/^avc[13]\b/, "H.264"],
  [/^(hvc1|hev1)\b/, "H.265"],
  [/^av01\b/, "AV1"],
  [/^vp0?9\b/, "VP9"],
  [/^mp4a\.40\b/, "AAC"],
  [/^opus$/i, "Opus"],
];

/** A codec as people call it. */
export function codecName(codec: string): string {
  return codecNames.find(([pattern]) => pattern.test(codec))?.[1] ?? codec;
}

/** One track in words: "H.264, 1280 × 720, 30 fps". Null numbers say nothing. */
export function trackWords(track: Broadcast["tracks"][number]): string {
  const parts = [codecName(track.codec)];
  if (track.kind === "video") {
    if (track.width && track.height) parts.push(m.admin_track_size({ width: track.width, height: track.height }));
    if (track.frame_rate) parts.push(m.admin_track_fps({ value: Math.round(track.frame_rate * 100) / 100 }));
  } else {
    if (track.sample_rate) parts.push(m.admin_track_khz({ value: track.sample_rate / 1000 }));
    if (track.channels) parts.push(track.channels === 1 ? m.admin_track_mono() : track.channels === 2 ? m.admin_track_stereo() : m.admin_track_channels({ count: track.channels }));
  }
  return parts.join(", ");
}
