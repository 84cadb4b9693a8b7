import { mount, type Component } from "svelte";
import { getLocale } from "$lib/paraglide/runtime";
import "../styles/base.css";
import "../styles/first-paint.css";

/** Draws a page over the skeleton of its HTML entry. */
export function boot(App: Component): void {
  const target = document.getElementById("app");
  if (!target) throw new Error("the page has no #app element");
  document.documentElement.lang = getLocale();
  target.replaceChildren();
  mount(App, { target });
}
