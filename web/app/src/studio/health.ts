/** How a broadcast from this browser fares, from what getStats says twice. No page, no browser. */

/** What is read of one getStats report. */
export interface Reading {
  atMs: number;
  bytes: number;
  packets: number;
  lost: number;
  frames: number;
  width: number;
  height: number;
  /** `video/H264`, or "" while nothing is sent. */
  codec: string;
  /** What the encoder says keeps it down: `none`, `cpu`, `bandwidth`, `other`. */
  limit: string;
  roundTripMs: number | null;
  /** What the sender is asked to keep below, or null. */
  targetBps: number | null;
}

/** What somebody should know, each in words of the page. */
export type Concern = "nothing_sent" | "weak_network" | "slow_computer" | "losses" | "codec" | "no_sound";

export interface Health {
  bitrateBps: number;
  framesPerSecond: number;
  width: number;
  height: number;
  roundTripMs: number | null;
  /** Share of the packets that were lost, 0 to 1. */
  loss: number;
  codec: string;
  concerns: Concern[];
}

type Stat = Record<string, unknown> & { type: string };

const number = (value: unknown): number => (typeof value === "number" && Number.isFinite(value) ? value : 0);
const text = (value: unknown): string => (typeof value === "string" ? value : "");

/** Reads a report; `bytes` and `packets` are of picture and sound together. */
export function readingOf(stats: Iterable<Stat>, atMs: number): Reading {
  const all = [...stats];
  const reading: Reading = { atMs, bytes: 0, packets: 0, lost: 0, frames: 0, width: 0, height: 0, codec: "", limit: "none", roundTripMs: null, targetBps: null };
  for (const stat of all) {
    if (stat.type === "outbound-rtp") {
      reading.bytes += number(stat["bytesSent"]);
      reading.packets += number(stat["packetsSent"]);
      if (stat["kind"] !== "video") continue;
      reading.frames = number(stat["framesEncoded"]);
      reading.width = number(stat["frameWidth"]);
      reading.height = number(stat["frameHeight"]);
      reading.limit = text(stat["qualityLimitationReason"]) || "none";
      reading.codec = text(all.find((one) => one["id"] === stat["codecId"])?.["mimeType"]);
      reading.targetBps = typeof stat["targetBitrate"] === "number" ? stat["targetBitrate"] : null;
    } else if (stat.type === "remote-inbound-rtp") {
      reading.lost += Math.max(0, number(stat["packetsLost"]));
      if (typeof stat["roundTripTime"] === "number") reading.roundTripMs = Math.round(stat["roundTripTime"] * 1000);
    }
  }
  return reading;
}

/** Shares above which losses are worth a word. */
const muchLoss = 0.03;
/** Below so much of what was meant, the picture suffers. */
const fewFrames = 0.6;

interface Meant {
  framesPerSecond: number;
  /** A still screen sends few pictures, which is no fault. */
  screen: boolean;
  sound: boolean;
}

/** Compares two readings with what was meant. */
export function healthOf(before: Reading, now: Reading, meant: Meant): Health {
  const seconds = Math.max(0.001, (now.atMs - before.atMs) / 1000);
  const packets = Math.max(0, now.packets - before.packets);
  const framesPerSecond = Math.max(0, now.frames - before.frames) / seconds;
  const loss = packets === 0 ? 0 : Math.min(1, Math.max(0, now.lost - before.lost) / packets);
  const concerns: Concern[] = [];
  if (now.bytes <= before.bytes) concerns.push("nothing_sent");
  else if (loss > muchLoss) concerns.push("losses");
  if (now.limit === "bandwidth") concerns.push("weak_network");
  else if (now.limit === "cpu" || (!meant.screen && now.frames > 0 && concerns.length === 0 && framesPerSecond < meant.framesPerSecond * fewFrames)) concerns.push("slow_computer");
  if (now.codec !== "" && now.codec.toLowerCase() !== "video/h264") concerns.push("codec");
  if (!meant.sound) concerns.push("no_sound");
  return {
    bitrateBps: (Math.max(0, now.bytes - before.bytes) * 8) / seconds,
    framesPerSecond,
    width: now.width,
    height: now.height,
    roundTripMs: now.roundTripMs,
    loss,
    codec: now.codec.replace(/^video\//i, ""),
    concerns,
  };
}
