import { spawn, type ChildProcess } from "node:child_process";
import type { Room } from "./api.ts";

/** The left half is red and stands still, the right half moves: what a viewer must see of `Publisher`'s picture. */
export const halves = "color=c=red:s=320x360:r=30[a];testsrc2=s=320x360:r=30[b];[a][b]hstack";

/** An ffmpeg that publishes a picture and a tone into a room by RTMP. */
export class Publisher {
  output = "";
  private readonly process: ChildProcess;
  private readonly ended: Promise<void>;

  constructor(room: Room, picture: string = halves, sound = "sine=frequency=440:sample_rate=48000") {
    const target = room.ingest_urls?.rtmp;
    if (!target || !room.stream_key) throw new Error(`room ${room.id} takes no RTMP`);
    const args = ["-hide_banner", "-nostdin", "-loglevel", "warning", "-re", "-f", "lavfi", "-i", picture, "-re", "-f", "lavfi", "-i", sound];
    args.push("-c:v", "libx264", "-preset", "ultrafast", "-tune", "zerolatency", "-pix_fmt", "yuv420p", "-g", "30", "-keyint_min", "30");
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
