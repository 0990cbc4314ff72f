import { type CfnParameter, Fn, Token, Tokenization } from "aws-cdk-lib";
import type { CfnInclude } from "aws-cdk-lib/cloudformation-include";
import { type FailureRelayParameters, PARAMETERS } from "./parameters.js";

type Value = FailureRelayParameters[keyof FailureRelayParameters];

/** The parameters that are given, by their names in the template, as CloudFormation takes them. */
export function givenValues(props: FailureRelayParameters): Map<string, string> {
  const values = new Map<string, string>();
  for (const [prop, name] of Object.entries(PARAMETERS)) {
    const value = props[prop as keyof FailureRelayParameters];
    if (value !== undefined) values.set(name, asString(value));
  }
  return values;
}

function asString(value: NonNullable<Value>): string {
  if (typeof value === "object")
    return Token.isUnresolved(value) ? Fn.join(",", [...value]) : value.join(",");
  return typeof value === "number" ? Tokenization.stringifyNumber(value) : String(value);
}

/** Throws what CloudFormation would say of the values in the middle of a deployment. */
export function checkValues(template: CfnInclude, values: ReadonlyMap<string, string>): void {
  for (const [name, value] of values) {
    if (Token.isUnresolved(value)) continue;
    const wish = wishOf(template.getParameter(name), value);
    if (wish) throw new Error(`${name} is "${value}": ${wish}`);
  }
}

/** What the parameter asks for that the value is not. */
function wishOf(parameter: CfnParameter, value: string): string | undefined {
  const { allowedPattern, allowedValues, minValue, maxValue, constraintDescription } = parameter;
  if (allowedValues && !allowedValues.map(String).includes(value)) {
    return `it must be one of ${allowedValues.join(", ")}`;
  }
  if (parameter.type === "Number" && !Number.isFinite(Number(value))) return "it must be a number";
  if (minValue !== undefined && Number(value) < minValue) return `it must be at least ${minValue}`;
  if (maxValue !== undefined && Number(value) > maxValue) return `it must be at most ${maxValue}`;
  if (allowedPattern && !new RegExp(allowedPattern).test(value)) {
    return `it must be ${constraintDescription ?? `like ${allowedPattern}`}`;
  }
  return undefined;
}
