/** JSON shapes as text, for the documentation: what a schema says, in the notation of TypeScript. */
import { z } from 'zod';

interface Schema {
  readonly $ref?: string;
  readonly $defs?: Readonly<Record<string, Schema>>;
  readonly type?: string;
  readonly format?: string;
  readonly const?: unknown;
  readonly enum?: readonly unknown[];
  readonly anyOf?: readonly Schema[];
  readonly items?: Schema;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: boolean | Schema;
}

/** Names for schemas that occur in several places. */
export type Named = Readonly<Record<string, z.ZodType>>;

/** `NodeView[]`, or a block of members. Inputs are what is sent: what has a default may be left out. */
export function shapeOf(schema: z.ZodType, named: Named, io: 'input' | 'output', own?: string): string {
  const metadata = z.registry<{ id: string }>();
  for (const [id, one] of Object.entries(named)) if (id !== own) metadata.add(one, { id });
  return text(z.toJSONSchema(schema, { metadata, io, unrepresentable: 'any' }) as Schema, '');
}

function text(schema: Schema, indent: string): string {
  if (schema.$ref !== undefined) return schema.$ref.split('/').at(-1) ?? '';
  if (schema.const !== undefined) return JSON.stringify(schema.const);
  if (schema.enum !== undefined) return schema.enum.map((value) => JSON.stringify(value)).join(' | ');
  if (schema.anyOf !== undefined) return schema.anyOf.map((one) => text(one, indent)).join(' | ');
  if (schema.type === 'array') return arrayText(text(schema.items ?? {}, indent));
  if (schema.type === 'object') return objectText(schema, indent);
  if (schema.format === 'date-time') return 'instant';
  return schema.type ?? 'any';
}

function arrayText(item: string): string {
  return item.includes(' | ') && !item.startsWith('{') ? `(${item})[]` : `${item}[]`;
}

function objectText({ properties, required = [], additionalProperties }: Schema, indent: string): string {
  if (properties === undefined) {
    const value = typeof additionalProperties === 'object' ? text(additionalProperties, indent) : 'any';
    return `{ [name]: ${value} }`;
  }
  const inner = `${indent}  `;
  const members = Object.entries(properties).map(
    ([name, member]) => `${inner}${name}${required.includes(name) ? '' : '?'}: ${text(member, inner)}`,
  );
  return members.length === 0 ? '{}' : `{\n${members.join('\n')}\n${indent}}`;
}
