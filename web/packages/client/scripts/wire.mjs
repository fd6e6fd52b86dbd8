// Writes src/wire.ts, the types of the wire, from the protocol's JSON Schema.
//
// `npm run wire` after a change of the schema; a test says when the file is stale.

import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const SCHEMA = new URL('../../../../crates/protocol/schema/bellwire.v1.json', import.meta.url);
const OUT = new URL('../src/wire.ts', import.meta.url);

const HEAD = `// Generated from crates/protocol/schema/bellwire.v1.json by \`npm run wire\`; do not edit.
//
// A server newer than this file may send fields, events and words that are not in it: give every
// \`switch\` over a word of the wire a default.
`;

/** The whole of src/wire.ts for a schema. */
export function generate(schema) {
  const names = Object.keys(schema.$defs).sort();
  const types = names.map((name) => definition(name, schema.$defs[name]));
  const frames = ['request', 'reply', 'event'].map((kind) => typeOf(schema['x-frames'][kind]));
  return [HEAD, ...types, commands(schema), frameType(frames)].join('\n');
}

function definition(name, def) {
  const type = typeOf(def, '');
  const space = type.startsWith('\n') ? '' : ' ';
  return `${comment(def.description, '')}export type ${name} =${space}${type};\n`;
}

/** What each command takes, and what its answer holds. */
function commands(schema) {
  const taken = [];
  const answered = [];
  for (const variant of schema.$defs.Request.oneOf) {
    const command = variant.properties.do.const;
    const fields = variant.$ref ? refName(variant.$ref) : '{ [field: string]: never }';
    taken.push(`${comment(variant.description, '  ')}  '${command}': ${fields};\n`);
    const ok = schema['x-oks'][command];
    answered.push(`  '${command}': ${ok ? typeOf(ok) : 'Empty'};\n`);
  }
  return (
    `/** An answer that says no more than yes. */\nexport type Empty = { [field: string]: never };\n\n` +
    `/** The fields of each command, besides \`id\` and \`do\`. */\n` +
    `export interface Commands {\n${taken.join('')}}\n\n` +
    `/** What \`ok\` of each command's reply holds. */\n` +
    `export interface Oks {\n${answered.join('')}}\n`
  );
}

function frameType(frames) {
  return `/** Any frame. */\nexport type Frame = ${[...new Set(frames)].join(' | ')};\n`;
}

/** A TypeScript type for a schema; \`pad\` is the indent of the line it begins on. */
function typeOf(schema, pad = '') {
  if (schema === true) return 'unknown';
  const { oneOf, anyOf } = schema;
  const union = oneOf ?? anyOf;
  if (union) {
    const own = schema.properties ? `${object(schema, pad)} & ` : '';
    const members = union.map((member) => variant(member, pad));
    const unique = [...new Set(members)];
    if (own) return `${own}(\n${unique.map((m) => `${pad}  | ${m}\n`).join('')}${pad})`;
    return unique.length > 4
      ? `\n${unique.map((m) => `${pad}  | ${m}`).join('\n')}`
      : unique.join(' | ');
  }
  return single(schema, pad);
}

/** One way of a union: a type of its own, fields of this way, or both. */
function variant(member, pad) {
  const [[name, word] = [], ...others] = Object.entries(member.properties ?? {});
  if (word?.const === undefined || others.length > 0) return typeOf(member, `${pad}  `);
  const tag = `{ ${name}: '${word.const}' }`;
  return member.$ref ? `(${tag} & ${refName(member.$ref)})` : tag;
}

function single(schema, pad) {
  if (schema.$ref) return refName(schema.$ref);
  if (schema.const !== undefined) return `'${schema.const}'`;
  if (schema.enum) return schema.enum.map((word) => `'${word}'`).join(' | ');
  if (Array.isArray(schema.type)) {
    return schema.type.map((type) => single({ ...schema, type }, pad)).join(' | ');
  }
  switch (schema.type) {
    case 'string':
    case 'boolean':
    case 'null':
      return schema.type;
    case 'integer':
    case 'number':
      return 'number';
    case 'array':
      return list(typeOf(schema.items ?? true, pad));
    case 'object':
      return object(schema, pad);
    case undefined:
      return 'unknown';
    default:
      throw new Error(`no TypeScript for ${JSON.stringify(schema)}`);
  }
}

function list(item) {
  return /^[\w']+$/.test(item) ? `${item}[]` : `Array<${item}>`;
}

function object(schema, pad) {
  const fields = Object.entries(schema.properties ?? {});
  const more = schema.additionalProperties;
  if (fields.length === 0) {
    return more ? `{ [key: string]: ${typeOf(more, pad)} }` : '{ [field: string]: never }';
  }
  const inner = `${pad}  `;
  const lines = fields.map(([name, field]) => {
    const needed = schema.required?.includes(name) || isAlwaysTold(field);
    const key = /^[A-Za-z_]\w*$/.test(name) ? name : `'${name}'`;
    return `${comment(field.description, inner)}${inner}${key}${needed ? '' : '?'}: ${typeOf(field, inner)};\n`;
  });
  if (more) lines.push(`${inner}[key: string]: unknown;\n`);
  return `{\n${lines.join('')}${pad}}`;
}

/** Only what the server sends has defaults, and it writes them out. */
function isAlwaysTold(field) {
  return field.default !== undefined && field.default !== null;
}

function refName(ref) {
  return ref.split('/').at(-1);
}

function comment(text, pad) {
  if (!text) return '';
  const lines = text.replaceAll('*/', '* /').split('\n');
  if (lines.length === 1) return `${pad}/** ${lines[0]} */\n`;
  return `${pad}/**\n${lines.map((line) => `${pad} * ${line}`.trimEnd()).join('\n')}\n${pad} */\n`;
}

/** The schema as the repository holds it. */
export function schema() {
  return JSON.parse(readFileSync(SCHEMA, 'utf8'));
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  writeFileSync(OUT, generate(schema()));
}
