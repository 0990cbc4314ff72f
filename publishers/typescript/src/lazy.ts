/** What is needed when there is something to tell, loaded when it is first needed. */
export function telling(): typeof import("./telling.js") {
  return require("./telling.js");
}
