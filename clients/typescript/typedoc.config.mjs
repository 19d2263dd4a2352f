import { OptionDefaults } from "typedoc";

export default {
  entryPoints: ["src/index.ts", "src/offline/index.ts", "src/express.ts"],
  tsconfig: "src/tsconfig.json",
  name: "@jingxi/client",
  readme: "README.md",
  out: "build/docs",
  excludePrivate: true,
  excludeInternal: true,
  githubPages: false,
  disableSources: true,
  validation: {
    notExported: false,
    invalidLink: true,
    notDocumented: false,
  },
  treatWarningsAsErrors: true,
  blockTags: [...OptionDefaults.blockTags, "@generated"],
};
