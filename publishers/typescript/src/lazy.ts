/** What is needed when a work begins, loaded with the first. */
export function running(): typeof import("./running.js") {
  return require("./running.js");
}

/** What is needed when there is something to tell, loaded when there first is. */
export function telling(): typeof import("./telling.js") {
  return require("./telling.js");
}
