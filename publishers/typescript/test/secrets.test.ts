import assert from "node:assert/strict";
import { test } from "node:test";
import { Secrets } from "../src/secrets.js";

const secrets = new Secrets({ kind: "swf-activity-task", taskToken: "swf-token-1" }, {});

for (const [where, text, expected] of [
  [
    "pretty-printed JSON inside a string",
    String.raw`{\n  \"taskToken\": \"abc\",\n  \"a\": 1}`,
    String.raw`{\n  \"taskToken\": \"[redacted]\",\n  \"a\": 1}`,
  ],
  [
    "JSON twice inside a string",
    String.raw`{\\\"taskToken\\\":\\\"a\\\\\\\"b\\\"}`,
    String.raw`{\\\"taskToken\\\":\\\"[redacted]\\\"}`,
  ],
  ["an object as Node prints it", "{ TaskToken: 'abc', frame: 7 }", "{ TaskToken: '[redacted]', frame: 7 }"],
  [
    "a name with escapes",
    String.raw`{"task\u0054oken": "abc"}`,
    String.raw`{"task\u0054oken": "[redacted]"}`,
  ],
  [
    "a value with an escaped quote",
    String.raw`{"taskToken": "a\"b", "c": 1}`,
    '{"taskToken": "[redacted]", "c": 1}',
  ],
  ["a value that was cut", '{"taskToken": "abc', '{"taskToken": "[redacted]'],
  ["an assignment in a shell", "TASK_TOKEN=abc render", "TASK_TOKEN=[redacted] render"],
  [
    "a name and its value in JSON",
    '[{"name":"TASK_TOKEN","value":"abc"}]',
    '[{"name":"TASK_TOKEN","value":"[redacted]"}]',
  ],
  [
    "credentials",
    '{"accessKeyId":"AKIA","secretAccessKey" : "hush"}',
    '{"accessKeyId":"[redacted]","secretAccessKey" : "[redacted]"}',
  ],
  [
    "words that only look like it",
    "the taskToken is missing; key: 'value'",
    "the taskToken is missing; key: 'value'",
  ],
] as const) {
  test(`redacts ${where}`, () => assert.equal(secrets.redact(text), expected));
}

test("what stands under a secret's name in the environment is a secret wherever it is told", () => {
  const environment = {
    TASK_TOKEN: "token-of-the-environment",
    AWS_SECRET_ACCESS_KEY: "key-of-the-environment",
    PATH: "/usr/local/bin",
  };
  const told = new Secrets(undefined, environment).redact(
    "token-of-the-environment key-of-the-environment /usr/local/bin",
  );
  assert.equal(told, "[redacted] [redacted] /usr/local/bin");
});

test("what stands under a secret's name deep in the payload is a secret wherever it is told", () => {
  const payload = { job: { data: { artifactCredentials: { sessionToken: "session-token-0123" } } } };
  assert.equal(new Secrets(undefined, {}, payload).redact("session-token-0123!"), "[redacted]!");
});

test("a long text is searched in a moment, whatever it holds", () => {
  for (const piece of ["m", "\\", '"', "a-", " ", "--a ", 'name:"', "\\u0061", "token="]) {
    const start = performance.now();
    secrets.redact(piece.repeat(400_000 / piece.length));
    assert.ok(performance.now() - start < 1_000, `${JSON.stringify(piece)}: ${performance.now() - start} ms`);
  }
});
