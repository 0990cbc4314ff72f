import { Stack } from "aws-cdk-lib";
import type { CfnInclude } from "aws-cdk-lib/cloudformation-include";

type Expression = { readonly [operation: string]: readonly Expression[] };
type Operand = string | { readonly Ref: string };

/**
 * Whether a condition of the template holds, with these values of its parameters.
 *
 * It knows the functions that the conditions of outputs use. A value that is only known at the deployment
 * equals no other.
 */
export function holds(template: CfnInclude, name: string, given: ReadonlyMap<string, string>): boolean {
  const textOf = (operand: Operand): string => {
    if (typeof operand === "string") return operand;
    return given.get(operand.Ref) ?? String(template.getParameter(operand.Ref).default);
  };
  const evaluate = (expression: Expression): boolean => {
    const [[operation, operands] = ["", []]] = Object.entries(expression);
    switch (operation) {
      case "Condition":
        return holds(template, String(operands), given);
      case "Fn::Equals":
        return new Set((operands as unknown as Operand[]).map(textOf)).size === 1;
      case "Fn::Not":
        return !operands.some(evaluate);
      case "Fn::And":
        return operands.every(evaluate);
      case "Fn::Or":
        return operands.some(evaluate);
      default:
        throw new Error(`condition ${name}: ${operation} is not known here`);
    }
  };
  return evaluate(Stack.of(template).resolve(template.getCondition(name).expression));
}
