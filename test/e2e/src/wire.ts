import { createServer, connect, type AddressInfo, type Server, type Socket } from "node:net";

/** A network between a browser and a server that can stand still: nothing is lost, nothing passes. */
export class Wire {
  private readonly sockets = new Set<Socket>();

  private constructor(
    private readonly listener: Server,
    readonly url: string,
  ) {}

  static async to(target: string): Promise<Wire> {
    const { hostname, port } = new URL(target);
    const listener = createServer();
    await new Promise<void>((done) => listener.listen(0, "127.0.0.1", done));
    const wire = new Wire(listener, `http://127.0.0.1:${(listener.address() as AddressInfo).port}`);
    listener.on("connection", (near) => {
      const far = connect(Number(port), hostname);
      for (const [from, to] of [
        [near, far],
        [far, near],
      ] as const) {
        wire.sockets.add(from);
        from.setNoDelay(true);
        from.pipe(to);
        from.on("error", () => to.destroy());
        from.on("close", () => {
          wire.sockets.delete(from);
          to.destroy();
        });
      }
    });
    return wire;
  }

  /** Lets nothing through for a time. */
  async stall(ms: number): Promise<void> {
    const held = [...this.sockets];
    for (const socket of held) socket.pause();
    await new Promise((done) => setTimeout(done, ms));
    for (const socket of held) socket.resume();
  }

  close(): void {
    this.listener.close();
    for (const socket of this.sockets) socket.destroy();
  }
}
