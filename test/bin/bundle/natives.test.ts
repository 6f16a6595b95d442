import { mkdir, realpath, writeFile } from "node:fs/promises";
import path from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { expectPortable, newestSymbols, parseLdd } from "../../../bin/bundle/natives.js";
import { UsageError } from "../../../lib/errors.js";
import { expectRejection, inTemporaryFolder } from "../../support.js";
import { withTools } from "./support/tools.js";

const test = suite("bin/bundle/natives");

const BASE = `\tlinux-vdso.so.1 (0x00007ffd0a5f2000)
\tlibstdc++.so.6 => /lib/x86_64-linux-gnu/libstdc++.so.6 (0x00007f655de00000)
\tlibc.so.6 => /lib/x86_64-linux-gnu/libc.so.6 (0x00007f655db3e000)
\t/lib64/ld-linux-x86-64.so.2 (0x00007f65610fe000)
`;

test("ldd's output becomes names and places", () => {
  const places = "\tlibown.so.1 => /a b/own (1)/libown.so.1 (0x00007f655db3e000)\n\tlibgone.so.2 => not found\n";
  assert.equal(parseLdd(`${BASE}${places}`), [
    { name: "linux-vdso.so.1", at: undefined },
    { name: "libstdc++.so.6", at: "/lib/x86_64-linux-gnu/libstdc++.so.6" },
    { name: "libc.so.6", at: "/lib/x86_64-linux-gnu/libc.so.6" },
    { name: "ld-linux-x86-64.so.2", at: undefined },
    { name: "libown.so.1", at: "/a b/own (1)/libown.so.1" },
    { name: "libgone.so.2", at: undefined },
  ]);
  assert.equal(parseLdd("\tstatically linked\n"), []);
});

/** A system whose `ldd` prints this of every file. */
const lddSays = <T>(output: string, body: () => Promise<T>): Promise<T> =>
  withTools({ ldd: `printf '%s' '${output}'` }, body);

test("a native file may be linked with a base system and with what goes along", () =>
  inTemporaryFolder(async (temporary) => {
    const folder = await realpath(temporary);
    const library = path.join(folder, "package", "libown.so.1");
    await mkdir(path.dirname(library));
    await writeFile(library, "");
    const own = `\tlibown.so.1 => ${folder}/package/../package/libown.so.1 (0x00007f655db3e000)\n`;
    assert.equal(await lddSays(`${BASE}${own}`, () => expectPortable("a.node", folder)), [library]);
    const without = lddSays(`${BASE}${own}`, () => expectPortable("a.node"));
    await expectRejection(without, UsageError, /^bundle: a\.node: want .* got libown\.so\.1, .*nodejs\.org/);
  }));

test("any other library, found or not, is refused by its name", async () => {
  for (const line of ["\tlibnode.so.115 => /lib/libnode.so.115 (0x1)\n", "\tlibnode.so.115 => not found\n"]) {
    const refused = lddSays(`${BASE}${line}`, () => expectPortable("/usr/bin/node", "/usr/share"));
    await expectRejection(refused, UsageError, /^bundle: \/usr\/bin\/node: want .* got libnode\.so\.115, which/);
  }
});

test("a file that ldd cannot read is refused, and so is a system without ldd", async () => {
  const failing = withTools({ ldd: "echo not a dynamic executable >&2; exit 1" }, () => expectPortable("a.txt"));
  await expectRejection(failing, UsageError, /^bundle: a\.txt: ldd cannot say .*not a dynamic executable/s);
  await expectRejection(
    withTools({}, () => expectPortable("a.node")),
    UsageError,
    /ldd cannot say .*ENOENT/,
  );
});

test("the newest symbols are those of the highest version, not of the last or longest name", () =>
  inTemporaryFolder(async (folder) => {
    const write = async (name: string, ...symbols: string[]) => {
      await writeFile(path.join(folder, name), `\x7fELF\0${symbols.join("\0")}\0\xff`, "latin1");
      return path.join(folder, name);
    };
    const first = await write("a", "GLIBC_2.28", "GLIBC_2.3.4", "GLIBCXX_3.4.9", "GLIBC_PRIVATE", "XGLIBC_2.99");
    const second = await write("b", "GLIBC_2.4", "GLIBCXX_3.4.22", "about GLIBC_2.90 or so");
    assert.equal(await newestSymbols([first, second]), { GLIBC: "2.28", GLIBCXX: "3.4.22" });
  }));

test.run();
