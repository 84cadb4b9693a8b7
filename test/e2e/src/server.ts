import { spawn, type ChildProcess } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { Api } from "./api.ts";
import { until } from "./until.ts";

const binary = resolve(import.meta.dirname, "../../..", process.env.ROOMCAST_TEST_BINARY ?? "bin/roomcast");

/** A running roomcast process with a data directory of its own. */
export class Server {
  readonly api: Api;
  output = "";
  private process: ChildProcess | undefined;

  private constructor(
    readonly url: string,
    readonly adminKey: string,
    private readonly dir: string,
    private readonly env: Record<string, string>,
  ) {
    this.api = new Api(url, adminKey);
  }

  /** Starts a server on free loopback ports and waits until it is ready; `everywhere` opens the WebRTC port on all of the machine's addresses. */
  static async start({ everywhere = false } = {}): Promise<Server> {
    const dir = await mkdtemp(join(tmpdir(), "roomcast-e2e-"));
    const [http, rtmp, webrtc] = [await freePort(), await freePort(), await freePort()];
    const adminKey = "e2e-admin-key-0123456789abcdef";
    const server = new Server(`http://127.0.0.1:${http}`, adminKey, dir, {
      ROOMCAST_HTTP_ADDRESS: `127.0.0.1:${http}`,
      ROOMCAST_RTMP_ADDRESS: `127.0.0.1:${rtmp}`,
      ROOMCAST_WEBRTC_ADDRESS: `${everywhere ? "" : "127.0.0.1"}:${webrtc}`,
      ROOMCAST_RTMPS_ADDRESS: "off",
      ROOMCAST_RTSP_ADDRESS: "off",
      ROOMCAST_SRT_ADDRESS: "off",
      ROOMCAST_METRICS_ADDRESS: "off",
      ROOMCAST_DATA_DIR: dir,
      ROOMCAST_ADMIN_KEY: adminKey,
      ROOMCAST_LOG_LEVEL: "debug",
    });
    await server.run();
    return server;
  }

  /** Runs the process (again), on the same directory and ports. */
  async run(): Promise<void> {
    const started = spawn(binary, ["serve"], { env: { ...ours(), ...this.env }, stdio: ["ignore", "pipe", "pipe"] });
    this.process = started;
    const take = (chunk: Buffer) => (this.output += chunk.toString());
    started.stdout.on("data", take);
    started.stderr.on("data", take);
    let failure: Error | undefined;
    started.on("error", (error) => (failure = error));
    await until(
      "the server is ready",
      async () => {
        if (failure ?? started.exitCode !== null) throw new Error(`roomcast ended at its start: ${failure ?? started.exitCode}\n${this.output}`);
        return fetch(`${this.url}/readyz`).then(
          (answer) => answer.ok,
          () => false,
        );
      },
      30_000,
    );
  }

  /** Stops the process as an operator does and gives back its exit code. */
  async stop(): Promise<number | null> {
    const running = this.process;
    if (!running || running.exitCode !== null) return running?.exitCode ?? null;
    const ended = new Promise<number | null>((done) => running.once("exit", done));
    running.kill("SIGTERM");
    const timer = setTimeout(() => running.kill("SIGKILL"), 20_000);
    const code = await ended;
    clearTimeout(timer);
    return code;
  }

  /** Stops the process and removes its data. */
  async end(): Promise<void> {
    const code = await this.stop();
    await rm(this.dir, { recursive: true, force: true });
    if (code !== 0) throw new Error(`roomcast ended with ${code}\n${this.output.slice(-4000)}`);
  }
}

/** This process's environment without what tells the tests, and not the server, something. */
function ours(): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith("ROOMCAST_TEST_")));
}

/** A port free for TCP, below those of outgoing connections. */
async function freePort(): Promise<number> {
  for (let tries = 0; tries < 100; tries++) {
    const port = 12_000 + Math.floor(Math.random() * 19_000);
    const free = await new Promise<boolean>((done) => {
      const probe = createServer();
      probe.once("error", () => done(false));
      probe.listen(port, "127.0.0.1", () => probe.close(() => done(true)));
    });
    if (free) return port;
  }
  throw new Error("found no free port");
}
