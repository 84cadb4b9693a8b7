/**
 * Client-side routing for a page that has several views under one base address (the admin pages under /admin).
 *
 *     const router = new Router("/admin");
 *     router.segments        // ["rooms", "01J…"] at /admin/rooms/01J…
 *     router.query.get("q")  // filters live in the address
 *     router.go("/admin/rooms?q=demo");
 *
 * `attach` makes plain links inside the base work without loading a page; give it to `onMount`.
 */
export class Router {
  #url = $state.raw(new URL(window.location.href));
  readonly base: string;

  constructor(base: string) {
    this.base = base.replace(/\/$/, "");
  }

  /** The path's parts below the base. */
  readonly segments: readonly string[] = $derived.by(() =>
    this.#url.pathname.slice(this.base.length).split("/").filter((part) => part !== "").map(decode),
  );

  /** The address's query. To change it, use `setQuery`. */
  get query(): URLSearchParams {
    return this.#url.searchParams;
  }

  /** The whole path with its query, as for a link. */
  get path(): string {
    return this.#url.pathname + this.#url.search;
  }

  /** Shows another address of this page. `replace` leaves no step to go back to. */
  go(href: string, options: { replace?: boolean } = {}): void {
    const url = new URL(href, this.#url);
    if (url.href === this.#url.href) return;
    if (options.replace) history.replaceState(null, "", url);
    else history.pushState(null, "", url);
    const moved = url.pathname !== this.#url.pathname;
    this.#url = url;
    if (moved) window.scrollTo({ top: 0 });
  }

  /** Changes some of the query and replaces the address; null or an empty string takes a key away. */
  setQuery(changes: Readonly<Record<string, string | null>>): void {
    const url = new URL(this.#url);
    for (const [key, value] of Object.entries(changes)) {
      if (value === null || value === "") url.searchParams.delete(key);
      else url.searchParams.set(key, value);
    }
    this.go(url.href, { replace: true });
  }

  /** Listens to links and to back and forward; gives what ends it. */
  attach = (): (() => void) => {
    const onPop = () => (this.#url = new URL(window.location.href));
    window.addEventListener("popstate", onPop);
    document.addEventListener("click", this.#onClick);
    return () => {
      window.removeEventListener("popstate", onPop);
      document.removeEventListener("click", this.#onClick);
    };
  };

  #onClick = (event: MouseEvent): void => {
    if (event.defaultPrevented || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    const link = event.target instanceof Element ? event.target.closest("a") : null;
    if (!link || link.target !== "" || link.hasAttribute("download") || link.origin !== window.location.origin) return;
    if (link.pathname !== this.base && !link.pathname.startsWith(this.base + "/")) return;
    event.preventDefault();
    this.go(link.href);
  };
}

function decode(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}
