import { readFileSync } from "node:fs";
import type { Plugin } from "vite";

/**
 * Puts the small script that applies a remembered theme into the head of each page, as a hashed file of its own.
 * It has to run before the first paint, so it cannot be a module, and the pages' Content-Security-Policy has no room for an inline script.
 */
export function themeScript(sourcePath: string): Plugin {
  let building = false;
  let reference = "";
  return {
    name: "roomcast-theme-script",
    configResolved(config) {
      building = config.command === "build";
    },
    buildStart() {
      if (!building) return;
      reference = this.emitFile({ type: "asset", name: "theme.js", source: readFileSync(sourcePath, "utf8") });
    },
    transformIndexHtml: {
      order: "post",
      handler(_html, context) {
        if (!building) {
          return [{ tag: "script", attrs: { src: "/src/theme-first.js" }, injectTo: "head-prepend" }];
        }
        const emitted = Object.values(context.bundle ?? {}).find(
          (file) => file.type === "asset" && file.names.includes("theme.js"),
        );
        if (!emitted) throw new Error(`theme script ${reference} is missing from the bundle`);
        return [{ tag: "script", attrs: { src: `/${emitted.fileName}` }, injectTo: "head-prepend" }];
      },
    },
  };
}
