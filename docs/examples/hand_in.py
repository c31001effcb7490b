"""Logs a policyholder in, hands a picture of an accident in and sends it.

    pip install -r requirements.txt
    python hand_in.py --identity 127.0.0.1:20001 --phone-verification 127.0.0.1:20002 \
        --claim-images 127.0.0.1:20003 --views 127.0.0.1:20004 --user-id taro@example.jp photo.jpg

The password is read from standard input. What is typed into `line to dial` is up to the person at the telephone.
"""
import argparse
import hashlib
import pathlib
import sys
import uuid

import google_crc32c
import grpc
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.rpc import error_details_pb2, status_pb2

HERE = pathlib.Path(__file__).parent
DESCRIPTORS = HERE / "../../shared/contracts/src/generated/descriptors.bin"
CHUNK = 64 * 1024


class Service:
    """Calls of one gRPC service, with messages made from the descriptors."""

    def __init__(self, address, name, pool, metadata):
        self.channel = grpc.insecure_channel(address)
        self.methods = pool.FindServiceByName(f"madoguchi.{name}")
        self.metadata = metadata

    def call(self, rpc, requests=None, **fields):
        method = self.methods.methods_by_name[rpc]
        request, response = (message_factory.GetMessageClass(kind) for kind in (method.input_type, method.output_type))
        path = f"/{self.methods.full_name}/{rpc}"
        how = (request.SerializeToString, response.FromString)
        if requests is None:
            return self.channel.unary_unary(path, *how)(request(**fields), metadata=self.metadata)
        return self.channel.stream_unary(path, *how)((request(**each) for each in requests), metadata=self.metadata)


def text_of(refused):
    """What the service says to the person, and why."""
    status, said, reason = status_pb2.Status(), refused.details(), ""
    status.ParseFromString(dict(refused.trailing_metadata()).get("grpc-status-details-bin", b""))
    for detail in status.details:
        info, text = error_details_pb2.ErrorInfo(), error_details_pb2.LocalizedMessage()
        if detail.Unpack(info):
            reason = info.reason
        if detail.Unpack(text):
            said = text.message
    return f"{reason}: {said}"


def log_in(identity, phones, user_id, password):
    login = identity.call("Login", user_id=user_id, password=password, device="hand_in.py")
    token = login.login_token
    if login.phone_call_required:
        opened = phones.call("OpenChallenge", request_id=str(uuid.uuid4()), login_token=token)
        print(f"line to dial: {opened.challenge.line_to_dial}", flush=True)
    while True:
        done = identity.call("CompleteLogin", login_token=token, wait_ms=20_000)
        if done.HasField("tokens"):
            return done.tokens.access_token


def hand_in(images, accident, picture):
    data = picture.read_bytes()
    upload = images.call("StartUpload", request_id=str(uuid.uuid4()), accident_id=accident, category=4,
                         size_bytes=len(data), file_name=picture.name).upload_id
    kept = 0
    while kept < len(data):
        pieces = ((at, data[at:at + CHUNK]) for at in range(kept, len(data), CHUNK))
        images.call("WriteUpload", (dict(upload_id=upload, offset=at, data=piece, crc32c=google_crc32c.value(piece))
                                    for at, piece in pieces))
        kept = images.call("QueryUpload", upload_id=upload).persisted_size_bytes
    return images.call("FinishUpload", request_id=str(uuid.uuid4()), upload_id=upload,
                       sha256=hashlib.sha256(data).digest()).image


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("identity", "phone-verification", "claim-images", "views", "user-id"):
        arguments.add_argument(f"--{name}", required=True)
    arguments.add_argument("picture", type=pathlib.Path)
    given = arguments.parse_args()
    pool = descriptor_pool.DescriptorPool()
    for file in descriptor_pb2.FileDescriptorSet.FromString(DESCRIPTORS.read_bytes()).file:
        pool.Add(file)
    language = [("accept-language", "en")]
    identity = Service(given.identity, "identity.v1.IdentityService", pool, language)
    phones = Service(given.phone_verification, "phone_verification.v1.PhoneVerificationService", pool, language)
    bearer = [("authorization", f"Bearer {log_in(identity, phones, given.user_id, input())}"), *language]
    images = Service(given.claim_images, "claim_images.v1.ClaimImagesService", pool, bearer)
    views = Service(given.views, "views.v1.CustomerViewService", pool, bearer)
    accident = views.call("ListAccidents").accidents[0]
    image = hand_in(images, accident.accident_id, given.picture)
    print(f"picture: {image.image_id}")
    sent = images.call("SendSubmission", request_id=str(uuid.uuid4()), accident_id=accident.accident_id)
    print(f"sent with {accident.claim_number}: {len(sent.image_ids)} picture(s)")


try:
    main()
except grpc.RpcError as refused:
    sys.exit(text_of(refused))
