import { spawn, type ChildProcess } from "node:child_process";
import type { Room } from "./api.ts";

/** The left half is red and stands still, the right half moves: what a viewer must see of `Publisher`'s picture. */
export const halves = "color=c=red:s=320x360:r=30[a];testsrc2=s=320x360:r=30[b];[a][b]hstack";

/** How many bits of the clock stand in `clockPicture`: milliseconds of the wall clock, modulo 2^20. */
export const clockBits = 20;

/**
 * A moving picture, 640 x 360, under a strip of 40 lines with the wall clock of its making: a bit each 32 pixels, lowest first. One source gives
 * picture and tone, because ffmpeg reads ahead from each of several.
 */
export const clockPicture = [
  `color=c=black:s=${clockBits}x2:r=30,format=gray,settb=AVTB,setpts=RTCTIME`,
  `geq=lum='255*mod(floor(mod(T*1000,pow(2,${clockBits}))/pow(2,X)),2)',setpts=N/(30*TB),scale=640:40:flags=neighbor,format=yuv420p[clock]`,
].join(",") + ";testsrc2=s=640x320:r=30,format=yuv420p[moving];[clock][moving]vstack[out0];sine=frequency=440:sample_rate=48000[out1]";

interface PublisherOptions {
  /** One source graph with the outputs out0 (video) and out1 (audio), instead of a picture and a sound. */
  graph?: string;
  /** Pictures between key frames: 30, a second, unless told. */
  gop?: number;
}

/** An ffmpeg that publishes a picture and a tone into a room by RTMP. */
export class Publisher {
  output = "";
  private readonly process: ChildProcess;
  private readonly ended: Promise<void>;

  constructor(room: Room, picture: string = halves, sound = "sine=frequency=440:sample_rate=48000", { graph, gop = 30 }: PublisherOptions = {}) {
    const target = room.ingest_urls?.rtmp;
    if (!target || !room.stream_key) throw new Error(`room ${room.id} takes no RTMP`);
    const args = ["-hide_banner", "-nostdin", "-loglevel", "warning"];
    for (const source of graph === undefined ? [picture, sound] : [graph]) args.push("-re", "-f", "lavfi", "-i", source);
    if (graph !== undefined) args.push("-r", "30");
    args.push("-c:v", "libx264", "-preset", "ultrafast", "-tune", "zerolatency", "-pix_fmt", "yuv420p", "-g", String(gop), "-keyint_min", String(gop));
    args.push("-b:v", "1500k", "-c:a", "aac", "-b:a", "96k", "-ac", "2", "-f", "flv", `${target.url}/${room.stream_key}`);
    this.process = spawn("ffmpeg", args, { stdio: ["ignore", "pipe", "pipe"] });
    this.ended = new Promise((done) => this.process.once("exit", () => done()));
    this.process.stderr?.on("data", (chunk: Buffer) => (this.output += chunk.toString()));
    this.process.stdout?.resume();
  }

  async stop(): Promise<void> {
    if (this.process.exitCode === null && this.process.signalCode === null) this.process.kill("SIGINT");
    const timer = setTimeout(() => this.process.kill("SIGKILL"), 5_000);
    await this.ended;
    clearTimeout(timer);
  }
}
