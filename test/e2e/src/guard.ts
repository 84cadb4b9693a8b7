import type { Page } from "@playwright/test";

/** Chromium says so of every refused call: the tests look at the refusals themselves. */
const refusedCall = /^Failed to load resource: the server responded with a status of (4\d\d|503)/;

/** Notes what no page may do: speak to other hosts, break its own policy, complain, or tell its address onward. */
export class Guard {
  readonly faults: string[] = [];
  /** What went over the pages' sockets, for when a test fails. */
  readonly frames: string[] = [];
  private pages = 0;
  private readonly allowed: RegExp[] = [refusedCall];

  constructor(private readonly origin: string) {}

  /** Lets the console say something that the test provokes. */
  allow(noise: RegExp): void {
    this.allowed.push(noise);
  }

  watch(page: Page): void {
    page.on("console", (message) => {
      if (message.type() !== "error" && message.type() !== "warning") return;
      const text = message.text();
      if (this.allowed.some((noise) => noise.test(text))) return;
      this.faults.push(`console ${message.type()}: ${text} (${message.location().url})`);
    });
    page.on("pageerror", (error) => this.faults.push(`page error: ${error.stack ?? error.message}`));
    page.on("request", (request) => {
      const url = new URL(request.url());
      if (!["http:", "https:", "ws:", "wss:"].includes(url.protocol)) return;
      if (url.host !== new URL(this.origin).host) this.faults.push(`a request to another host: ${request.url()}`);
      const referer = request.headers().referer;
      if (referer && new URL(referer).pathname !== "/") this.faults.push(`Referer ${referer} sent to ${url.pathname}`);
    });
    const who = ++this.pages;
    page.on("websocket", (socket) => {
      const note = (way: string) => (frame: { payload: string | Buffer }) => this.frames.push(`${new Date().toISOString()} ${who} ${way} ${frame.payload.toString().slice(0, 600)}`);
      socket.on("framesent", note(">"));
      socket.on("framereceived", note("<"));
      if (new URL(socket.url()).host !== new URL(this.origin).host) this.faults.push(`a socket to another host: ${socket.url()}`);
    });
  }
}
