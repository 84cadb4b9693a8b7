import type { Page } from "@playwright/test";
import { clockBits } from "./publisher.ts";

/** What was measured from the clock in the picture (`clockPicture`) over a while. */
export interface Measured {
  /** Seconds from the clock's stamp to the screen, of each picture shown, in their order. */
  latencies: number[];
  /** How long the picture stood still for more than 300 ms, in seconds each. */
  freezes: number[];
  /** The player's speed, lowest and highest seen. */
  rates: [number, number];
}

/** Reads the clock in each picture that the page's video shows for `ms`. */
export function measure(page: Page, ms: number): Promise<Measured> {
  return page.evaluate(
    async ({ ms, bits }) => {
      const video = document.querySelector("video");
      if (!video) throw new Error("there is no video");
      const canvas = new OffscreenCanvas(bits, 1);
      const pen = canvas.getContext("2d", { willReadFrequently: true });
      if (!pen) throw new Error("there is no canvas");
      const latencies: number[] = [];
      const freezes: number[] = [];
      const rates: [number, number] = [video.playbackRate, video.playbackRate];
      let before = performance.now();
      const until = before + ms;
      await new Promise<void>((done) => {
        const end = setTimeout(done, ms + 15_000);
        const look = (now: number, { expectedDisplayTime }: VideoFrameCallbackMetadata) => {
          // The middle of the strip, so that no neighbour bleeds in.
          pen.drawImage(video, 0, (video.videoHeight * 15) / 360, video.videoWidth, (video.videoHeight * 10) / 360, 0, 0, bits, 1);
          const { data } = pen.getImageData(0, 0, bits, 1);
          let stamp = 0;
          for (let bit = 0; bit < bits; bit++) if ((data[bit * 4] ?? 0) > 127) stamp += 2 ** bit;
          const shown = performance.timeOrigin + Math.max(now, expectedDisplayTime);
          const modulus = 2 ** bits;
          const late = (((shown - stamp) % modulus) + modulus) % modulus;
          latencies.push((late > modulus / 2 ? late - modulus : late) / 1000);
          if (now - before > 300) freezes.push((now - before) / 1000);
          rates[0] = Math.min(rates[0], video.playbackRate);
          rates[1] = Math.max(rates[1], video.playbackRate);
          before = now;
          if (now < until) video.requestVideoFrameCallback(look);
          else {
            clearTimeout(end);
            done();
          }
        };
        video.requestVideoFrameCallback(look);
      });
      return { latencies, freezes, rates };
    },
    { ms, bits: clockBits },
  );
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? NaN;
}
