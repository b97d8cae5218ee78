/** A typed, printable name for something that a plugin can ask for. */

declare const TYPE: unique symbol;

/** Two tokens of one id are the same token: the id is what the container compares, the type is for the compiler. */
export interface Token<T> {
  readonly id: string;
  readonly [TYPE]?: T;
}

export type TokenType<K> = K extends Token<infer T> ? T : never;

/** What `needs` asks for, resolved: each name with the type of its token. */
export type Resolved<N extends Record<string, Token<unknown>>> = { readonly [K in keyof N]: TokenType<N[K]> };

export function token<T>(id: string): Token<T> {
  return { id };
}
