import Hls from "hls.js/light";
import type { HlsConfig } from "hls.js/light";

/** How far the end of what is buffered may be from that of a segment: sound and picture do not end at the same moment. */
const nearSeconds = 0.1;

/** A piece of a playlist's timeline, in seconds. */
interface Span {
  readonly start: number;
  readonly end: number;
}

/** Whether what is buffered ends where a segment does, or is nothing. */
export function endsWithSegment(buffered: { readonly len: number; readonly end: number } | null, segments: readonly Span[]): boolean {
  if (buffered === null || buffered.len === 0) return true;
  return segments.some(({ start, end }) => Math.abs(end - buffered.end) < nearSeconds || Math.abs(start - buffered.end) < nearSeconds);
}

/**
 * The choice of quality, by hls.js or (`chosen`, -1 for none) by the viewer, held back until the next segment begins. A picture of another
 * quality begins with a key frame, which stands at the beginning of a segment: hls.js, changing in the middle of one, fetches that from its
 * beginning over what is buffered, and browsers then show nothing from the end of what they had to the next key frame.
 */
export function seamless(chosen: () => number): HlsConfig["abrController"] {
  return class extends Hls.DefaultConfig.abrController {
    override get nextAutoLevel(): number {
      const { hls } = this;
      const level = hls.levels[hls.loadLevel];
      const wanted = hls.levels[chosen()]?.loadError === 0 ? chosen() : super.nextAutoLevel;
      const failing = level === undefined || level.loadError > 0 || level.fragmentError > 0;
      return failing || endsWithSegment(hls.mainForwardBufferInfo, level.details?.fragments ?? []) ? wanted : hls.loadLevel;
    }

    override set nextAutoLevel(level: number) {
      super.nextAutoLevel = level;
    }
  };
}
