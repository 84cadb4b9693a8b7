import { connect, createServer, type AddressInfo, type Server as NetServer, type Socket } from "node:net";

/** A way to the server that can stall: everything that comes meanwhile is held, and goes on afterwards. */
export class Link {
  private held = false;
  private constructor(
    private readonly listener: NetServer,
    private readonly sockets: Set<Socket>,
  ) {}

  /** Opens a way to the server at `to`, on a free port. */
  static async open(to: string): Promise<Link> {
    const { hostname, port } = new URL(to);
    const sockets = new Set<Socket>();
    const listener = createServer((near) => {
      const far = connect(Number(port), hostname);
      for (const [from, into] of [[near, far], [far, near]] as const) {
        sockets.add(from);
        from.pipe(into);
        from.on("error", () => into.destroy());
        from.on("close", () => {
          sockets.delete(from);
          into.destroy();
        });
        if (link.held) from.pause();
      }
    });
    const link = new Link(listener, sockets);
    await new Promise<void>((done) => listener.listen(0, "127.0.0.1", done));
    return link;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.listener.address() as AddressInfo).port}`;
  }

  /** Holds everything for `ms`. */
  async stall(ms: number): Promise<void> {
    this.held = true;
    for (const socket of this.sockets) socket.pause();
    await new Promise((done) => setTimeout(done, ms));
    this.held = false;
    for (const socket of this.sockets) socket.resume();
  }

  async close(): Promise<void> {
    for (const socket of this.sockets) socket.destroy();
    await new Promise((done) => this.listener.close(done));
  }
}
