import { spawn, type ChildProcess } from "node:child_process";
import type { Writable } from "node:stream";
import type { Page } from "@playwright/test";
import type { Room } from "./api.ts";

const width = 640;
const height = 360;
const rate = 30;
/** Edge of the squares that carry one bit each, in pixels: forty of them fill the top of the picture. */
const cell = 16;
const bits = 32;
const luma = width * height;
const sampleRate = 48_000;
const samples = sampleRate / rate;

/** The sound beside picture n: 440 Hz. */
function tone(n: number): Buffer {
  const pcm = Buffer.alloc(samples * 2);
  for (let i = 0; i < samples; i++) pcm.writeInt16LE(Math.round(6000 * Math.sin((2 * Math.PI * 440 * (n * samples + i)) / sampleRate)), i * 2);
  return pcm;
}

/**
 * An encoder whose every picture carries the wall clock of the moment it was made, before encoding, as a row of black
 * and white squares: 32 bits of milliseconds and 8 bits to check them by.
 */
export class StampedPublisher {
  output = "";
  private readonly process: ChildProcess;
  private readonly ended: Promise<void>;
  private readonly sound: Writable;
  private timer: NodeJS.Timeout | undefined;
  private readonly picture = Buffer.alloc((luma * 3) / 2, 128);
  private sent = 0;
  private readonly began = Date.now();

  /** gop is the number of pictures from one key frame to the next. */
  constructor(room: Room, gop: number) {
    const target = room.ingest_urls?.rtmp;
    if (!target || !room.stream_key) throw new Error(`room ${room.id} takes no RTMP`);
    const args = ["-hide_banner", "-loglevel", "warning", "-f", "rawvideo", "-pix_fmt", "yuv420p", "-s", `${width}x${height}`, "-r", `${rate}`];
    args.push("-probesize", "32", "-fflags", "nobuffer", "-i", "pipe:0");
    // The tone comes by our own clock too: one of ffmpeg's would begin when it does, and the muxer would wait for it.
    args.push("-probesize", "32", "-fflags", "nobuffer", "-f", "s16le", "-ar", `${sampleRate}`, "-ac", "1", "-i", "pipe:3");
    args.push("-c:v", "libx264", "-preset", "ultrafast", "-tune", "zerolatency", "-bf", "0", "-g", `${gop}`, "-keyint_min", `${gop}`, "-sc_threshold", "0");
    args.push("-b:v", "1500k", "-c:a", "aac", "-b:a", "96k", "-ac", "2", "-flush_packets", "1", "-f", "flv", `${target.url}/${room.stream_key}`);
    this.process = spawn("ffmpeg", args, { stdio: ["pipe", "ignore", "pipe", "pipe"] });
    this.ended = new Promise((done) => this.process.once("exit", () => done()));
    this.process.stderr?.on("data", (chunk: Buffer) => (this.output += chunk.toString()));
    this.sound = this.process.stdio[3] as Writable;
    // It may end: seen by who waits for pictures.
    this.process.stdin?.on("error", () => undefined);
    this.sound.on("error", () => undefined);
    this.next();
  }

  /** Sends the pictures that are due, and comes back for the next one. */
  private next(): void {
    const due = Math.floor(((Date.now() - this.began) * rate) / 1000);
    for (; this.sent <= due; this.sent++) {
      this.process.stdin?.write(this.draw(this.sent));
      this.sound.write(tone(this.sent));
    }
    this.timer = setTimeout(() => this.next(), this.began + (this.sent * 1000) / rate - Date.now());
  }

  private draw(n: number): Buffer {
    const y = this.picture.subarray(0, luma);
    y.fill(60);
    const left = (n * 4) % (width - 80); // something to encode
    for (let row = 120; row < 200; row++) y.fill(200, row * width + left, row * width + left + 80);
    const now = Date.now() % 2 ** bits;
    const code = (BigInt(now) << 8n) | BigInt(check(now));
    for (let i = 0; i < bits + 8; i++) {
      const value = (code >> BigInt(bits + 7 - i)) & 1n ? 235 : 16;
      for (let row = 0; row < cell; row++) y.fill(value, row * width + i * cell, row * width + (i + 1) * cell);
    }
    return Buffer.from(this.picture);
  }

  async stop(): Promise<void> {
    clearTimeout(this.timer);
    this.process.stdin?.end();
    this.sound.end();
    if (this.process.exitCode === null) this.process.kill("SIGINT");
    const timer = setTimeout(() => this.process.kill("SIGKILL"), 5_000);
    await this.ended;
    clearTimeout(timer);
  }
}

const check = (ms: number): number => [0, 8, 16, 24].reduce((sum, shift) => (sum + Math.floor(ms / 2 ** shift)) & 255, 17);

/** One picture on the screen. */
export interface Shown {
  /** Milliseconds from the page's load. */
  at: number;
  /** Milliseconds from the picture's making to the screen. */
  latency: number;
}

declare global {
  interface Window {
    shown: Shown[];
    waits: number[];
  }
}

/** Has every page that is opened from now on note each picture it shows, in window.shown, and each stall, in window.waits. */
export async function noteStamps(page: Page): Promise<void> {
  await page.addInitScript(
    ([cell, bits]) => {
      window.shown = [];
      window.waits = [];
      const canvas = document.createElement("canvas");
      canvas.width = cell * (bits + 8);
      canvas.height = cell;
      const pen = canvas.getContext("2d", { willReadFrequently: true, alpha: false })!;
      const follow = (video: HTMLVideoElement) => {
        const read = () => {
          const now = Date.now();
          pen.drawImage(video, 0, 0, canvas.width, cell, 0, 0, canvas.width, cell);
          const row = pen.getImageData(0, cell / 2, canvas.width, 1).data;
          let stamp = 0;
          let sum = 0;
          for (let i = 0; i < bits + 8; i++) {
            const bit = row[(i * cell + cell / 2) * 4]! > 128 ? 1 : 0;
            if (i < bits) stamp = stamp * 2 + bit;
            else sum = sum * 2 + bit;
          }
          const right = [0, 8, 16, 24].reduce((s, shift) => (s + Math.floor(stamp / 2 ** shift)) & 255, 17);
          if (sum === right) window.shown.push({ at: performance.now(), latency: (now % 2 ** bits) - stamp });
          video.requestVideoFrameCallback(read);
        };
        video.addEventListener("waiting", () => window.waits.push(performance.now()));
        video.requestVideoFrameCallback(read);
      };
      const seen = new WeakSet<HTMLVideoElement>();
      new MutationObserver(() => {
        for (const video of document.querySelectorAll("video")) {
          if (seen.has(video)) continue;
          seen.add(video);
          follow(video);
        }
      }).observe(document, { childList: true, subtree: true });
    },
    [cell, bits] as const,
  );
}
