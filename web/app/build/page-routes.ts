import type { Plugin } from "vite";

const routes: readonly (readonly [RegExp, string])[] = [
  [/^\/(join|rooms)\/[^/]+$/, "/join.html"],
  [/^\/embed\/[^/]+$/, "/embed.html"],
  [/^\/admin(\/|$)/, "/admin.html"],
  [/^\/$/, "/admin.html"],
];

/** Serves the HTML entries on the development server under the addresses that the Roomcast binary gives them. */
export function pageRoutes(): Plugin {
  return {
    name: "roomcast-page-routes",
    configureServer(server) {
      server.middlewares.use((request, _response, next) => {
        const [path = "", query] = (request.url ?? "").split("?");
        const entry = routes.find(([pattern]) => pattern.test(path))?.[1];
        if (entry) request.url = query === undefined ? entry : `${entry}?${query}`;
        next();
      });
    },
  };
}
