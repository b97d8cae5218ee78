/** JSON data as YAML, for `-o yaml`. Writes only; what could be read as anything but that string is quoted as in JSON. */

const PLAIN = /^[A-Za-z_/][\w ./@+=-]*$/;
const RESERVED = /^(?:true|false|null|yes|no|on|off|y|n|\.?(?:inf|nan)|~)$/i;

export function toYaml(value: unknown): string {
  return lines(value, 0).join('\n');
}

function lines(value: unknown, depth: number): string[] {
  const indent = '  '.repeat(depth);
  if (Array.isArray(value)) {
    if (value.length === 0) return [`${indent}[]`];
    return value.flatMap((item) => {
      const [first = '', ...rest] = lines(item, depth + 1);
      return [`${indent}- ${first.slice(indent.length + 2)}`, ...rest];
    });
  }
  if (value !== null && typeof value === 'object') {
    const members = Object.entries(value).filter(([, member]) => member !== undefined);
    if (members.length === 0) return [`${indent}{}`];
    return members.flatMap(([key, member]) => {
      const name = `${indent}${scalar(key)}:`;
      const nested = lines(member, depth + 1);
      return isBlock(member) ? [name, ...nested] : [`${name} ${(nested[0] ?? '').trimStart()}`];
    });
  }
  return [`${indent}${scalar(value)}`];
}

function isBlock(value: unknown): boolean {
  return value !== null && typeof value === 'object' && Object.values(value).length > 0;
}

function scalar(value: unknown): string {
  if (typeof value !== 'string') return JSON.stringify(value) ?? 'null';
  return PLAIN.test(value) && !RESERVED.test(value) && !value.endsWith(' ') ? value : JSON.stringify(value);
}
