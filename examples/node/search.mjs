// node search.mjs HOST:PORT SKETCH.png
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import grpc from "@grpc/grpc-js";
import loader from "@grpc/proto-loader";

const root = fileURLToPath(new URL("../..", import.meta.url));
const protos = loader.loadSync(
  ["sketchzoo/search/v1/search.proto", "google/rpc/error_details.proto"],
  {
    includeDirs: [`${root}/protos`, `${root}/third_party/googleapis`],
    keepCase: true,
    longs: Number,
    defaults: true,
  },
);
const { SearchService } = grpc.loadPackageDefinition(protos).sketchzoo.search.v1;

const [target, sketch] = process.argv.slice(2);
const client = new SearchService(target, grpc.credentials.createInsecure());
const metadata = new grpc.Metadata();
if (process.env.TOKEN) metadata.set("authorization", `Bearer ${process.env.TOKEN}`);

function search(request) {
  const options = { deadline: Date.now() + 10_000 };
  return new Promise((resolve, reject) => {
    client.Search(request, metadata, options, (error, response) =>
      error ? reject(error) : resolve(response));
  });
}

const query = { sketch: readFileSync(sketch) };
const response = await search({ query, limit: 3 });
for (const hit of response.hits) {
  console.log(hit.score.toFixed(4), hit.class_name, hit.photo_id);
}

try {
  await search({ query, limit: 5000 });
} catch (error) {
  // What is wrong, for a program to read: google.rpc.Status, in the trailing metadata.
  const [bytes] = error.metadata.get("grpc-status-details-bin");
  for (const detail of protos["google.rpc.Status"].deserialize(bytes).details) {
    if (!detail.type_url.endsWith("/google.rpc.BadRequest")) continue;
    const bad = protos["google.rpc.BadRequest"].deserialize(detail.value);
    for (const { field, description } of bad.field_violations) {
      console.log(grpc.status[error.code], field, description);
    }
  }
}
client.close();
