import type { Page } from "@playwright/test";

/** One look at the page's player. */
export interface Look {
  /** Milliseconds of the page's clock, and of the player's. */
  at: number;
  time: number;
  /** The colour near the picture's upper left corner. */
  colour: string;
  loudness: number;
}

declare global {
  interface Window {
    looks: Look[];
  }
}

/** Has the page look at and listen to its video twenty times a second, into window.looks. */
export async function noteLooks(page: Page): Promise<void> {
  await page.evaluate(async () => {
    const video = document.querySelector("video") as HTMLVideoElement & { captureStream(): MediaStream };
    const context = new AudioContext();
    await context.resume();
    const analyser = context.createAnalyser();
    context.createMediaStreamSource(new MediaStream(video.captureStream().getAudioTracks())).connect(analyser);
    const samples = new Float32Array(analyser.fftSize);
    const canvas = document.createElement("canvas");
    canvas.width = 64;
    canvas.height = 36;
    const pen = canvas.getContext("2d", { willReadFrequently: true })!;
    const look = () => {
      pen.drawImage(video, 0, 0, 64, 36);
      const [r = 0, g = 0, b = 0] = pen.getImageData(4, 4, 1, 1).data;
      const most = Math.max(r, g, b);
      analyser.getFloatTimeDomainData(samples);
      window.looks.push({
        at: performance.now(),
        time: video.currentTime * 1000,
        colour: most < 60 ? "black" : most === r ? "red" : most === g ? "green" : "blue",
        loudness: Math.sqrt(samples.reduce((sum, s) => sum + s * s, 0) / samples.length),
      });
    };
    window.looks = [];
    setInterval(look, 50);
  });
}

/** What was seen and heard between two times of the page's clock. */
export async function steadiness(page: Page, from: number, to: number): Promise<{ lag: number; hush: number; colours: string[] }> {
  const looks = (await page.evaluate(() => window.looks)).filter(({ at }) => at >= from && at <= to);
  let [lag, hush] = [0, 0];
  let [stood, silent] = [0, 0];
  for (const [i, look] of looks.entries()) {
    const before = looks[i - 1];
    if (!before) continue;
    const passed = look.at - before.at;
    // A jump is as bad as a stall: what lies between was not shown.
    const off = Math.abs(look.time - before.time - passed);
    stood = off > passed / 2 ? stood + off : 0;
    silent = look.loudness < 0.02 ? silent + passed : 0;
    [lag, hush] = [Math.max(lag, stood), Math.max(hush, silent)];
  }
  return { lag: Math.round(lag), hush: Math.round(hush), colours: [...new Set(looks.map(({ colour }) => colour))] };
}
