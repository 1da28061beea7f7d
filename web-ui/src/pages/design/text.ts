import { en } from "../../text/design.en";
import { ja } from "../../text/design.ja";

export const texts = { ja, en };
