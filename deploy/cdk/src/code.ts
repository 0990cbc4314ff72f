import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { Stack, aws_sam as sam } from "aws-cdk-lib";
import { Asset } from "aws-cdk-lib/aws-s3-assets";
import type { CfnInclude } from "aws-cdk-lib/cloudformation-include";

/** Throws what to do where nothing was built. */
export function checkBuilt(templateFile: string): void {
  if (!existsSync(templateFile)) throw new Error(`${templateFile} is not there: run sam build first`);
}

/** Makes assets of the functions' code, unless `sam package` has put it into a bucket already. */
export function addCode(template: CfnInclude, templateFile: string): void {
  const functions = template.node.findAll().filter((it) => it instanceof sam.CfnFunction);
  for (const definition of functions) {
    const { codeUri } = definition;
    if (typeof codeUri !== "string" || codeUri.startsWith("s3://")) continue;
    const path = join(dirname(templateFile), codeUri);
    if (!path.endsWith(".zip") && !existsSync(join(path, "bootstrap"))) {
      throw new Error(
        `${path} holds no built function: run sam build, and give .aws-sam/build/template.yaml`,
      );
    }
    const asset = new Asset(Stack.of(definition), `${definition.node.id}Code`, { path });
    definition.codeUri = { bucket: asset.s3BucketName, key: asset.s3ObjectKey };
  }
}
