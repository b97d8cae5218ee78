/** The list of Debian packages that the tests use: one a line, `#` begins a comment. */

export function packagesIn(text: string): string[] {
  return text
    .split('\n')
    .map((line) => line.replace(/#.*/, '').trim())
    .filter((line) => line !== '');
}
